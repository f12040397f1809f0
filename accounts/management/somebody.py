from abc import abstractmethod
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User


class SomebodyCommand(BaseCommand):
    """A command about one person, who is named by their username."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"Expected the username of somebody; found {username!r}.")
        self.handle_user(user)

    @abstractmethod
    def handle_user(self, user: User) -> None: ...
