from django.urls import path

from labeling import uploading, views

app_name = "labeling"
urlpatterns = [
    path("collections/", views.collection_list, name="collections"),
    path("collections/<slug:slug>/", views.collection_page, name="collection"),
    path("collections/<slug:slug>/pictures/", uploading.pictures_page, name="pictures"),
    path("collections/<slug:slug>/progress/", views.progress, name="progress"),
    path("collections/<slug:slug>/start/", views.start, name="start"),
    path("collections/<slug:slug>/label/", views.label, name="label"),
    path("leases/<int:lease_id>/vote/", views.cast_vote, name="cast-vote"),
    path("account/changes/", views.touched_votes, name="touched-votes"),
    path("nouns/<str:wnid>/pictures/", views.synset_pictures, name="synset-pictures"),
    path("pictures/<str:sha256>/", views.picture, name="picture"),
    path("pictures/<str:sha256>/display/", views.display, name="display"),
    path("pictures/<str:sha256>/small/", views.thumbnail, name="thumbnail"),
]
