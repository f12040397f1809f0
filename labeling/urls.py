from django.urls import path

from labeling import owning, views

app_name = "labeling"
urlpatterns = [
    path("collections/", views.collection_list, name="collections"),
    path("collections/new/", owning.make, name="make"),
    path("collections/pick/", owning.pick_root, name="pick-root"),
    path("collections/<slug:slug>/", views.collection_page, name="collection"),
    path("collections/<slug:slug>/progress/", views.progress, name="progress"),
    path("collections/<slug:slug>/start/", views.start, name="start"),
    path("collections/<slug:slug>/label/", views.label, name="label"),
    path("collections/<slug:slug>/edit/", owning.edit, name="edit"),
    path("collections/<slug:slug>/edit/pick/", owning.pick_class, name="pick-class"),
    path("collections/<slug:slug>/edit/nouns/", owning.change_classes, name="change-classes"),
    path("collections/<slug:slug>/edit/open/", owning.open_, name="open"),
    path("collections/<slug:slug>/edit/close/", owning.close, name="close"),
    path("collections/<slug:slug>/examples/", owning.examples, name="examples"),
    path("collections/<slug:slug>/gold/", owning.gold, name="gold"),
    path("collections/<slug:slug>/dashboard/", owning.dashboard, name="dashboard"),
    path("leases/<int:lease_id>/vote/", views.cast_vote, name="cast-vote"),
    path("account/changes/", views.touched_votes, name="touched-votes"),
    path("nouns/<str:wnid>/pictures/", views.synset_pictures, name="synset-pictures"),
    path("pictures/<str:sha256>/", views.picture, name="picture"),
    path("pictures/<str:sha256>/small/", views.thumbnail, name="thumbnail"),
]
