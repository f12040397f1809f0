from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import entrance_views, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", entrance_views.sign_in, name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("sign-up/", entrance_views.sign_up, name="sign-up"),
    path("account/", views.account, name="account"),
    path("account/board-name/", views.name_on_boards, name="board-name"),
    path("account/export/", views.export, name="export"),
    path("account/forget/", views.forget, name="forget"),
    path("account/tokens/", views.create_token, name="create-token"),
    path("account/tokens/<str:pk>/revoke/", views.revoke_token, name="revoke-token"),
]
