from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest, HttpResponse

from accounts import audit
from accounts.listing import Listed
from accounts.models import Act, ApiToken, User


class KeptAsMadeAdmin(admin.ModelAdmin):
    """Rows that the site makes; nobody edits or deletes them by hand."""

    paginator = Listed
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


RIGHTS = {"is_active", "is_staff", "is_superuser", "groups", "user_permissions", "kind"}


def rights_of(user: User) -> str:
    """Say in one line what somebody may do beyond what everybody may."""
    flags = [name for name in ("is_active", "is_staff", "is_superuser") if getattr(user, name)]
    groups = [group.name for group in user.groups.order_by("name")]
    permissions = [permission.codename for permission in user.user_permissions.order_by("codename")]
    return f"now {', '.join(flags + groups + permissions) or 'none'}"


@admin.register(User)
class NestworkUserAdmin(UserAdmin):
    list_display = ("username", "kind", "is_staff", "is_active", "last_login")
    list_filter = ("kind", *UserAdmin.list_filter)
    fieldsets = (*(UserAdmin.fieldsets or ()), (None, {"fields": ("kind", "board_name")}))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user = User.objects.get(pk=form.instance.pk)
        if RIGHTS & {*form.changed_data}:
            audit.record(Act.Kind.RIGHTS, user, rights_of(user))
        if "password" in form.changed_data:
            audit.record(Act.Kind.PASSWORD, user)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            audit.record(Act.Kind.PASSWORD, User.objects.get(pk=id))
        return response


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Staff can see and revoke tokens; their secrets are not kept anywhere."""

    list_display = ("name", "user", "token_key", "scopes", "created", "expiry", "last_used_on")
    list_select_related = ("user",)
    readonly_fields = ("digest", "token_key", "user", "scopes", "created", "expiry", "last_used_on")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


# Staff who could change an address, or read a key, could become whoever it belongs to.
admin.site.unregister([EmailAddress, Authenticator])


@admin.register(Authenticator)
class SecondFactorAdmin(KeptAsMadeAdmin):
    """Staff can switch a second factor off for whoever lost telephone and codes; the keys are not shown."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    fields = list_display

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(EmailAddress)
class EmailAddressAdmin(KeptAsMadeAdmin):
    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified",)
    list_select_related = ("user",)


@admin.register(Act)
class ActAdmin(KeptAsMadeAdmin):
    """Who did what with rights that others lack; for superusers, since staff are who it is about."""

    list_display = ("at", "kind", "actor", "on_kind", "on_key", "note", "address", "request_id")
    list_filter = ("kind", "at", "on_kind")
    list_select_related = ("actor",)
    search_fields = ("=actor__username", "=on_key", "=address", "=request_id", "note")
    date_hierarchy = "at"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
