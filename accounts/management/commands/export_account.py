from accounts import personal
from accounts.management.somebody import SomebodyCommand
from accounts.models import User


class Command(SomebodyCommand):
    help = "Write all that is kept about somebody to standard output, as JSON: what their account's page gives them."

    def handle_user(self, user: User) -> None:
        for part in personal.export(user):
            self.stdout.write(part, ending="")
