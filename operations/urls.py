from django.urls import path

from operations import views

app_name = "operations"
urlpatterns = [
    path("operations/", views.dashboard, name="dashboard"),
    path("operations/figures/", views.live, name="figures"),
    path("operations/findings/", views.findings, name="findings"),
    path("metrics", views.for_prometheus, name="metrics"),
]
