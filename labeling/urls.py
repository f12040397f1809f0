from django.urls import path

from labeling import people_views, report_views, talk_views, views

app_name = "labeling"
urlpatterns = [
    path("collections/", views.collection_list, name="collections"),
    path("collections/<slug:slug>/", views.collection_page, name="collection"),
    path("collections/<slug:slug>/progress/", views.progress, name="progress"),
    path("collections/<slug:slug>/start/", views.start, name="start"),
    path("collections/<slug:slug>/label/", views.label, name="label"),
    path("leases/<int:lease_id>/vote/", views.cast_vote, name="cast-vote"),
    path("collections/<slug:slug>/board/", people_views.board, name="collection-board"),
    path("board/", people_views.board, name="board"),
    path("account/votes/", people_views.my_votes, name="my-votes"),
    path("account/standing/", people_views.standing, name="standing"),
    path("account/changes/", views.touched_votes, name="touched-votes"),
    path("collections/<slug:slug>/reports/", report_views.queue, name="reports"),
    path("reports/", report_views.queue, name="all-reports"),
    path("pictures/<str:sha256>/report/", report_views.report, name="report"),
    path("pictures/<str:sha256>/keep/", report_views.keep, name="keep"),
    path("pictures/<str:sha256>/withdraw/", report_views.withdraw, name="withdraw"),
    path("pictures/<str:sha256>/put-back/", report_views.put_back, name="put-back"),
    path("pictures/<str:sha256>/about/", talk_views.about, name="about"),
    path("pictures/<str:sha256>/talk/", talk_views.say_about_picture, name="picture-talk"),
    path("nouns/<str:wnid>/talk/", talk_views.synset_talk, name="synset-talk"),
    path("comments/<int:pk>/delete/", talk_views.delete, name="delete-comment"),
    path("comments/<int:pk>/flag/", talk_views.flag, name="flag-comment"),
    path("comments/<int:pk>/hide/", talk_views.hide, name="hide-comment"),
    path("comments/<int:pk>/show/", talk_views.show, name="show-comment"),
    path("comments/flagged/", talk_views.flagged, name="flagged"),
    path("nouns/<str:wnid>/pictures/", views.synset_pictures, name="synset-pictures"),
    path("pictures/<str:sha256>/", views.picture, name="picture"),
    path("pictures/<str:sha256>/small/", views.thumbnail, name="thumbnail"),
]
