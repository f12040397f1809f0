from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from accounts.models import User


@admin.register(User)
class NestworkUserAdmin(UserAdmin):
    list_display = ("username", "kind", "is_staff", "is_active", "last_login")
    list_filter = ("kind", *UserAdmin.list_filter)
    fieldsets = (*(UserAdmin.fieldsets or ()), (None, {"fields": ("kind",)}))
