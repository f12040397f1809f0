import pytest
from django.core.management import CommandError, call_command

from taxonomy import ledger
from taxonomy.exporting import export_synsets
from taxonomy.importing import import_synsets
from taxonomy.models import Ancestry, Change, Draft, ExternalId, Hypernym, Lemma, Synset
from taxonomy.records import ExternalId as ExternalIdRecord
from taxonomy.records import Lemma as LemmaRecord
from taxonomy.records import SynsetRecord

pytestmark = pytest.mark.django_db

CITY = SynsetRecord(
    wnid="n08524735",
    lemmas=(LemmaRecord("city", 1, "city%1:15:00::"), LemmaRecord("metropolis, “big”|town", 1)),
    hypernyms=(),
    gloss='a large place;\n"big"',
    external_ids=(ExternalIdRecord("wordnet", "3.0", "08524735-n"),),
)
ROME = SynsetRecord(
    "n08804962",
    (LemmaRecord("Rome", 1),),
    (),
    "where all roads lead",
    instance_of=(CITY.wnid,),
    is_imageable=False,
)
SLUM = SynsetRecord(
    "n08678615", (LemmaRecord("slum", 1),), (CITY.wnid,), "poor", sensitive_reason="names people"
)
TOWN = SynsetRecord("n08665504", (LemmaRecord("town", 1),), (), "small", is_retired=True, becomes=CITY.wnid)
RECORDS = [CITY, TOWN, SLUM, ROME]  # by wnid, as they are exported


def everything():
    """Return all that an export has to keep, without what a new import counts anew."""
    fields = ("wnid", "name", "gloss", "is_imageable", "sensitive_reason", "is_retired", "becomes__wnid")
    return (
        set(Synset.objects.values_list(*fields)),
        set(Lemma.objects.values_list("synset__wnid", "text", "sense", "position", "key")),
        set(Hypernym.objects.values_list("hyponym__wnid", "hypernym__wnid", "is_instance")),
        set(Ancestry.objects.values_list("ancestor__wnid", "descendant__wnid", "depth")),
        set(ExternalId.objects.values_list("synset__wnid", "scheme", "version", "value")),
    )


def empty():
    Draft.objects.all().delete()
    Change.objects.all().delete()
    Synset.objects.update(becomes=None)
    Hypernym.objects.all().delete()
    Synset.objects.all().delete()


@pytest.mark.parametrize("ending", ["csv", "json", "ttl", "rdf", "csv.gz"])
def test_what_is_exported_is_imported_as_it_was(ending, tmp_path, capsys):
    import_synsets(RECORDS, reason="a test")
    before, path = everything(), tmp_path / f"nouns.{ending}"

    call_command("export_taxonomy", path)
    empty()
    call_command("import_taxonomy", path)

    assert everything() == before
    assert capsys.readouterr().out.endswith(f"4 nouns added from {path}.\n")


def test_records_come_out_as_they_went_in():
    import_synsets(RECORDS, reason="a test")

    assert sorted(export_synsets(), key=lambda record: record.wnid) == sorted(RECORDS, key=lambda r: r.wnid)


def test_a_branch_is_exported_with_all_above_it(tmp_path):
    import_synsets(RECORDS, reason="a test")

    records = export_synsets(Synset.objects.named("slum"))

    assert {record.name for record in records} == {"slum", "city"}


def test_what_was_never_in_the_tree_is_not_exported():
    ledger.plant("draft", "only planned")

    assert list(export_synsets()) == []


def test_an_export_that_fails_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "nouns.txt"
    path.write_text("old")

    with pytest.raises(CommandError, match=r"found 'nouns\.txt'"):
        call_command("export_taxonomy", path)

    assert [each.name for each in tmp_path.iterdir()] == ["nouns.txt"]
    assert path.read_text() == "old"


def test_an_export_under_a_noun_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CommandError, match="found 'unicorn'"):
        call_command("export_taxonomy", tmp_path / "nouns.csv", under="unicorn")


def test_an_export_into_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CommandError, match="expected a file that can be written; found No such file"):
        call_command("export_taxonomy", tmp_path / "none" / "nouns.csv")
