from django.urls import path

from datasets import compare_views, download_views, freeze_views, views

app_name = "datasets"
urlpatterns = [
    path("collections/<slug:slug>/freeze/", freeze_views.freeze, name="freeze"),
    path("collections/<slug:slug>/freezings/<int:pk>/", freeze_views.freezing, name="freezing"),
    path("collections/<slug:slug>/snapshots/compare/", compare_views.compare_page, name="compare"),
    path("collections/<slug:slug>/snapshots/compare/changes.csv", compare_views.changes_file, name="changes"),
    path("collections/<slug:slug>/snapshots/<int:number>/", views.snapshot_page, name="snapshot"),
    path("collections/<slug:slug>/snapshots/<int:number>/manifest.csv", views.old_manifest, name="manifest"),
    path(
        "collections/<slug:slug>/snapshots/<int:number>/files/<path:name>", download_views.file, name="file"
    ),
]
