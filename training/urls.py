from django.urls import path

from training import (
    compare_views,
    file_views,
    inside_views,
    policy_views,
    result_views,
    start_views,
    try_views,
    views,
    why_views,
)

app_name = "training"
urlpatterns = [
    path("runs/", views.run_list, name="runs"),
    path("runs/new/", start_views.create, name="create"),
    path("runs/compare/", compare_views.compare_page, name="compare"),
    path("runs/<int:pk>/", views.run_page, name="run"),
    path("runs/<int:pk>/live/", views.live, name="live"),
    path("runs/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("runs/<int:pk>/pause/", views.pause, name="pause"),
    path("runs/<int:pk>/resume/", views.resume, name="resume"),
    path("runs/<int:pk>/history.csv", views.history_csv, name="history-csv"),
    path("runs/<int:pk>/history.json", views.history_json, name="history-json"),
    path("runs/<int:pk>/why/", why_views.choose, name="why-choose"),
    path("runs/<int:pk>/why/<str:sha256>/", why_views.why, name="why"),
    path("runs/<int:pk>/why/<str:sha256>/ask/", why_views.ask, name="why-ask"),
    path("runs/<int:pk>/explanations/<int:explanation>/<slug:name>.png", why_views.drawn, name="why-drawn"),
    path("runs/<int:pk>/predict/", views.foretell, name="predict"),
    path("runs/<int:pk>/mistakes/", result_views.mistakes, name="mistakes"),
    path("runs/<int:pk>/mistakes/ask-again/", result_views.ask_again, name="ask-again"),
    path("runs/<int:pk>/mistakes/nouns.csv", result_views.nouns_file, name="nouns-file"),
    path("runs/<int:pk>/mistakes/answers.csv", result_views.answers_file, name="answers-file"),
    path("collections/<slug:slug>/training/", policy_views.policy, name="policy"),
    path("runs/<int:pk>/weights/", file_views.weights, name="weights"),
    path("runs/<int:pk>/onnx/", file_views.onnx, name="onnx"),
    path("runs/<int:pk>/inside/", inside_views.inside, name="inside"),
    path("runs/<int:pk>/inside/<slug:sha256>/<slug:name>.png", inside_views.drawing, name="drawing"),
    path("runs/<int:pk>/try/", try_views.try_it, name="try"),
    path("try/", try_views.try_a_network, name="try-a-network"),
]
