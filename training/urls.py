from django.urls import path

from training import views

app_name = "training"
urlpatterns = [
    path("runs/", views.run_list, name="runs"),
    path("runs/new/", views.create, name="create"),
    path("runs/<int:pk>/", views.run_page, name="run"),
    path("runs/<int:pk>/live/", views.live, name="live"),
    path("runs/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("runs/<int:pk>/predict/", views.foretell, name="predict"),
]
