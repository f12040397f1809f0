from django.urls import path

from operations import views

app_name = "operations"
urlpatterns = [
    path("metrics", views.for_prometheus, name="metrics"),
]
