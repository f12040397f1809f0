from django.urls import path

from competition import (
    board_views,
    contest_views,
    kit_views,
    organiser_views,
    run_views,
    submit_views,
    team_views,
)

app_name = "competition"
urlpatterns = [
    path("contests/", contest_views.contest_list, name="contests"),
    path("contests/<slug:slug>/", contest_views.contest_page, name="contest"),
    path("contests/<slug:slug>/leaderboard/", board_views.leaderboard_page, name="leaderboard"),
    path("contests/<slug:slug>/leaderboard.csv", board_views.leaderboard_csv, name="leaderboard-csv"),
    path("contests/<slug:slug>/leaderboard.json", board_views.leaderboard_json, name="leaderboard-json"),
    path("contests/<slug:slug>/starter-kit/", kit_views.starter_kit, name="starter-kit"),
    path("contests/<slug:slug>/submit/", submit_views.submit, name="submit"),
    path("contests/<slug:slug>/team/", team_views.team, name="team"),
    path("contests/<slug:slug>/team/enter/", team_views.enter, name="enter"),
    path("contests/<slug:slug>/team/rename/", team_views.rename, name="rename-team"),
    path("contests/<slug:slug>/team/invite/", team_views.invite, name="invite"),
    path("contests/<slug:slug>/team/merge/", team_views.offer_merge, name="offer-merge"),
    path("contests/<slug:slug>/team/leave/", team_views.leave, name="leave-team"),
    path("contests/<slug:slug>/team/members/<int:user>/remove/", team_views.remove, name="remove-member"),
    path("contests/<slug:slug>/organise/", organiser_views.organise, name="organise"),
    path("contests/<slug:slug>/score-anew/", organiser_views.score_anew, name="score-anew"),
    path("submissions/<int:pk>/attempts/", organiser_views.organise_entry, name="organise-entry"),
    path("invitations/<int:pk>/", team_views.answer_invitation, name="answer-invitation"),
    path("merge-offers/<int:pk>/", team_views.answer_offer, name="answer-offer"),
    path("runs/<int:pk>/enter/<slug:slug>/", run_views.enter, name="enter-run"),
    path("submissions/<int:pk>/", submit_views.submission_page, name="submission"),
    path("submissions/<int:pk>/state/", submit_views.submission_state, name="submission-state"),
    path("submissions/<int:pk>/cancel/", submit_views.cancel, name="cancel"),
    path("submissions/<int:pk>/choose/", submit_views.choose, name="choose"),
    path("submissions/<int:pk>/file/", submit_views.file, name="submission-file"),
    path("submissions/<int:pk>/card/", submit_views.card, name="card"),
    path("submissions/<int:pk>/card/edit/", submit_views.edit_card, name="edit-card"),
]
