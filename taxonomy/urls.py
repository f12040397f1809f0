from django.urls import path

from taxonomy import curating, views

app_name = "taxonomy"
urlpatterns = [
    path("nouns/", views.tree_page, name="synsets"),
    path("nouns/add/", curating.propose_new, name="add"),
    path("nouns/pick/", curating.pick, name="pick"),
    path("nouns/<str:wnid>/", views.synset_page, name="synset"),
    path("nouns/<str:wnid>/children/", views.children, name="children"),
    path("nouns/<str:wnid>/change/<str:kind>/", curating.propose, name="propose"),
    path("changes/", views.change_list, name="changes"),
    path("changes/<int:number>/", views.change_page, name="change"),
    path("changes/<int:number>/undo/", curating.undo, name="undo"),
    path("drafts/", curating.draft_list, name="drafts"),
    path("drafts/<int:number>/", curating.draft_page, name="draft"),
    path("drafts/<int:number>/state/", curating.draft_state, name="draft-state"),
    path("drafts/<int:number>/commit/", curating.commit, name="commit"),
    path("drafts/<int:number>/approve/", curating.approve, name="approve"),
    path("drafts/<int:number>/discard/", curating.discard, name="discard"),
]
