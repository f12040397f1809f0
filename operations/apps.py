from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        # Celery tells of its messages, tasks and processes by signals, and in no other way.
        from operations import beats, tracing

        beats.listen()
        tracing.listen()
