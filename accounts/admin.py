from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.models import ApiToken, User


class KeptAsMadeAdmin(admin.ModelAdmin):
    """Rows that the site makes; nobody edits or deletes them by hand."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class NestworkUserAdmin(UserAdmin):
    list_display = ("username", "kind", "is_staff", "is_active", "last_login")
    list_filter = ("kind", *UserAdmin.list_filter)
    fieldsets = (*(UserAdmin.fieldsets or ()), (None, {"fields": ("kind", "board_name")}))


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
