from django.urls import path

from competition import board_views, contest_views, submit_views

app_name = "competition"
urlpatterns = [
    path("contests/", contest_views.contest_list, name="contests"),
    path("contests/<slug:slug>/", contest_views.contest_page, name="contest"),
    path("contests/<slug:slug>/leaderboard/", board_views.leaderboard_page, name="leaderboard"),
    path("contests/<slug:slug>/leaderboard.csv", board_views.leaderboard_csv, name="leaderboard-csv"),
    path("contests/<slug:slug>/leaderboard.json", board_views.leaderboard_json, name="leaderboard-json"),
    path("contests/<slug:slug>/submit/", submit_views.submit, name="submit"),
    path("submissions/<int:pk>/", submit_views.submission_page, name="submission"),
    path("submissions/<int:pk>/method/", board_views.method_page, name="method"),
    path("submissions/<int:pk>/state/", submit_views.submission_state, name="submission-state"),
]
