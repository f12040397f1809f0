from django.urls import path

from taxonomy import views

app_name = "taxonomy"
urlpatterns = [
    path("nouns/", views.synset_list, name="synsets"),
    path("nouns/<str:wnid>/", views.synset_page, name="synset"),
]
