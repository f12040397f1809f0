from accounts import personal
from accounts.management.somebody import SomebodyCommand
from accounts.models import User


class Command(SomebodyCommand):
    help = "Erase who somebody was; their votes stay, without a name. This cannot be undone."

    def handle_user(self, user: User) -> None:
        username = user.username
        goes, stays = personal.told(user)
        personal.forget(user)
        self.stdout.write(f"{username} is forgotten, with {', '.join(goes) or 'nothing else'}.")
        self.stdout.write(f"Without a name there stay: {', '.join(stays) or 'nothing'}.")
