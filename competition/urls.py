from django.urls import path

from competition import views

app_name = "competition"
urlpatterns = [
    path("contests/", views.contest_list, name="contests"),
    path("contests/<slug:slug>/", views.contest_page, name="contest"),
    path("contests/<slug:slug>/submit/", views.submit, name="submit"),
    path("submissions/<int:pk>/", views.submission_page, name="submission"),
    path("submissions/<int:pk>/state/", views.submission_state, name="submission-state"),
]
