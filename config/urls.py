"""Where requests enter."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.generic import RedirectView
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

from competition.api import ContestViewSet, SubmissionViewSet
from competition.organiser_api import EntriesView, RescoringsView
from competition.run_api import EnterRunView
from competition.team_api import InvitationViewSet, MergeOfferViewSet, TeamViewSet
from config import views
from datasets.api import FreezingsView, FreezingView, SnapshotViewSet
from datasets.compare_views import CompareView
from labeling.api import CollectionViewSet, LeasesView, ReleaseView, UndoView, VotesView
from labeling.dispute_views import DisputesView, PredictionsView
from labeling.refit_views import RefitView
from labeling.uploading import IntakeViewSet, PicturesView
from labeling.why_views import WhyView
from taxonomy.api import ChangeViewSet, DraftViewSet, SynsetViewSet
from training.api import PolicyView, RunViewSet
from training.result_api import AnswersView, AskAgainView, MistakesView
from training.try_views import TryView
from training.why_api import ExplanationFileView, ExplanationsView, ExplanationView

handler404 = "config.views.not_found"
api = DefaultRouter()
api.register("synsets", SynsetViewSet)
api.register("drafts", DraftViewSet)
api.register("changes", ChangeViewSet)
api.register("collections", CollectionViewSet)
api.register("intakes", IntakeViewSet)
api.register("snapshots", SnapshotViewSet)
api.register("runs", RunViewSet)
api.register("contests", ContestViewSet)
api.register("submissions", SubmissionViewSet)
api.register("teams", TeamViewSet)
api.register("invitations", InvitationViewSet)
api.register("merge-offers", MergeOfferViewSet)

urlpatterns = [
    # First, since programs that label ask for these all the time.
    path("api/collections/<slug:slug>/leases/", LeasesView.as_view(), name="collection-leases"),
    path("api/collections/<slug:slug>/pictures/", PicturesView.as_view(), name="collection-pictures"),
    path("api/collections/<slug:slug>/questions/<int:pk>/why/", WhyView.as_view(), name="question-why"),
    path("api/collections/<slug:slug>/refit/", RefitView.as_view(), name="collection-refit"),
    path("api/collections/<slug:slug>/freezings/", FreezingsView.as_view(), name="collection-freezings"),
    path("api/collections/<slug:slug>/freezings/<int:pk>/", FreezingView.as_view(), name="freezing"),
    path("api/collections/<slug:slug>/disputes/", DisputesView.as_view(), name="collection-disputes"),
    path(
        "api/collections/<slug:slug>/predictions/", PredictionsView.as_view(), name="collection-predictions"
    ),
    path("api/collections/<slug:slug>/training/", PolicyView.as_view(), name="collection-training"),
    path("api/snapshots/<int:pk>/compare/<int:other>/", CompareView.as_view(), name="compare-snapshots"),
    path("api/runs/<int:pk>/answers/", AnswersView.as_view(), name="run-answers"),
    path("api/runs/<int:pk>/mistakes/", MistakesView.as_view(), name="run-mistakes"),
    path("api/runs/<int:pk>/ask-again/", AskAgainView.as_view(), name="run-ask-again"),
    path("api/runs/<int:pk>/enter/", EnterRunView.as_view(), name="run-enter"),
    path("api/runs/<int:pk>/explanations/", ExplanationsView.as_view(), name="run-explanations"),
    path(
        "api/runs/<int:pk>/explanations/<int:explanation>/", ExplanationView.as_view(), name="run-explanation"
    ),
    path(
        "api/runs/<int:pk>/explanations/<int:explanation>/file/",
        ExplanationFileView.as_view(),
        name="run-explanation-file",
    ),
    path("api/runs/<int:pk>/try/", TryView.as_view(), name="run-try"),
    path("api/contests/<slug:slug>/entries/", EntriesView.as_view(), name="contest-entries"),
    path("api/contests/<slug:slug>/rescorings/", RescoringsView.as_view(), name="contest-rescorings"),
    path("api/votes/", VotesView.as_view(), name="votes"),
    path("api/leases/release/", ReleaseView.as_view(), name="release-leases"),
    path("api/votes/undo/", UndoView.as_view(), name="undo-vote"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(template_name="api_docs.html"), name="api-docs"),
    path("api/", include(api.urls)),
    path("", views.home, name="home"),
    path("counts/", views.counts, name="counts"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("healthz/", views.health, name="health"),
    path("language/", require_POST(set_language), name="set-language"),
    path("", include("accounts.urls")),
    path("", include("accounts.allauth_urls")),
    path("", include("taxonomy.urls")),
    path("", include("labeling.urls")),
    path("", include("datasets.urls")),
    path("", include("training.urls")),
    path("", include("competition.urls")),
    path("", include("operations.urls")),
    # One door to guard: tries to sign in are counted there.
    path("admin/login/", RedirectView.as_view(pattern_name="accounts:sign-in", query_string=True)),
    path("admin/", admin.site.urls),
]
handler500 = "config.views.broken"
