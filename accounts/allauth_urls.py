"""Where django-allauth's pages are, by the names that it asks for. A name of what this site does without leads to the
page that serves instead.
"""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path

from accounts import entrance_views as views

urlpatterns = [
    path("sign-in/", views.sign_in, name="account_login"),
    path("sign-in/", views.sign_in, name="account_inactive"),
    path("sign-in/code/", views.sign_in_by_code, name="mfa_authenticate"),
    path("sign-up/", views.sign_up, name="account_signup"),
    path("sign-out/", LogoutView.as_view(), name="account_logout"),
    path("account/confirm/", views.confirm, name="account_reauthenticate"),
    path("account/confirm/code/", views.confirm_by_code, name="mfa_reauthenticate"),
    path("account/email/", views.email, name="account_email"),
    re_path(r"^account/email/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"),
    path("account/password/", views.password, name="account_change_password"),
    path("account/password/lost/", views.lost_password, name="account_reset_password"),
    path("account/password/lost/", views.lost_password, name="account_set_password"),
    path("account/password/lost/sent/", views.lost_password_sent, name="account_reset_password_done"),
    re_path(
        r"^account/password/lost/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.new_password,
        name="account_reset_password_from_key",
    ),
    path("account/second-factor/", views.second_factor, name="mfa_index"),
    path("account/second-factor/on/", views.second_factor_on, name="mfa_activate_totp"),
    path("account/second-factor/off/", views.second_factor_off, name="mfa_deactivate_totp"),
    path("account/second-factor/codes/", views.codes, name="mfa_view_recovery_codes"),
    path("account/second-factor/codes/file/", views.codes_file, name="mfa_download_recovery_codes"),
    path("account/second-factor/codes/new/", views.new_codes, name="mfa_generate_recovery_codes"),
]
