from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import personal
from accounts.models import User


class Command(BaseCommand):
    help = "Erase who somebody was; their votes stay, without a name. This cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"Expected the username of somebody; found {username!r}.")
        goes, stays = personal.told(user)
        personal.forget(user)
        self.stdout.write(f"{username} is forgotten, with {', '.join(goes) or 'nothing else'}.")
        self.stdout.write(f"Without a name there stay: {', '.join(stays) or 'nothing'}.")
