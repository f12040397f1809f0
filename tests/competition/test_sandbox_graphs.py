import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from competition.sandbox import costs, graphs
from competition.sandbox.bounds import RefusedError
from tests.competition.networks import N_CLASSES, SIDE, make_model, node, weights


def look(model):
    """Do all that is done before a runtime sees a network."""
    read = graphs.read(model.SerializeToString())
    asked = graphs.look(read, N_CLASSES)
    graphs.refuse_large_values(costs.shapes_of(read, asked), asked.batch or 1)
    return asked


def test_a_plain_network_says_how_it_is_asked():
    assert look(make_model()) == graphs.Look("pictures", "answers", SIDE, 0, is_float=True, is_planar=True)


def test_bytes_in_rows_are_taken_too_and_so_is_a_fixed_batch():
    nodes = [
        node("Cast", "pictures", "f", to=TensorProto.FLOAT),
        node("Flatten", "f", "pixels"),
        node("MatMul", ["pixels", "w"], "answers"),
    ]
    model = make_model(
        nodes,
        {"w": weights(192, 2)},
        shape=(4, SIDE, SIDE, 3),
        kind=TensorProto.UINT8,
        answers=(4, 2),
    )

    assert look(model) == graphs.Look("pictures", "answers", SIDE, 4, is_float=False, is_planar=False)


@pytest.mark.parametrize(
    ("data", "found"), [(b"\x08\x07not a model", "none"), (b"", "which set"), (b"\x08\x07", "which set")]
)
def test_what_is_no_network_is_refused(data, found):
    with pytest.raises(RefusedError, match=found):
        graphs.look(graphs.read(data), N_CLASSES)


# --- Files besides --------------------------------------------------------------------------------------------------


def outside(tensor, location="../../var/nestwork.sqlite3"):
    """Say that the numbers of `tensor` lie in another file."""
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value=location)
    return tensor


def test_weights_in_another_file_are_refused():
    model = make_model()
    outside(model.graph.initializer[0])

    with pytest.raises(RefusedError, match=r"weights in the file itself; those of 'w' are in '\.\./\.\./var"):
        look(model)


def test_a_place_that_is_named_and_not_meant_is_refused_too():
    model = make_model()
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")

    with pytest.raises(RefusedError, match="/etc/passwd"):
        look(model)


def test_another_file_is_found_within_an_attribute():
    tensor = outside(numpy_helper.from_array(weights(3 * SIDE * SIDE, 2), "inner"))
    nodes = [
        node("Constant", [], "w", value=tensor),
        node("Flatten", "pictures", "pixels"),
        node("MatMul", ["pixels", "w"], "answers"),
    ]
    with pytest.raises(RefusedError, match="inner"):
        look(make_model(nodes))

    tensor.CopyFrom(numpy_helper.from_array(weights(3 * SIDE * SIDE, 2)))
    nodes[0].CopyFrom(node("Constant", [], "w", value=tensor))

    assert look(make_model(nodes))


def test_another_file_is_found_within_a_function():
    tensor = outside(numpy_helper.from_array(weights(2, 2), "inner"))
    function = helper.make_function(
        "own", "F", [], ["y"], [node("Constant", [], "y", value=tensor)], [helper.make_opsetid("", 17)]
    )
    model = make_model()
    model.functions.append(function)

    with pytest.raises(RefusedError, match="function"):
        look(model)


def test_a_sparse_tensor_is_refused():
    model = make_model()
    values = outside(numpy_helper.from_array(weights(1), "s"))
    places = numpy_helper.from_array(np.array([0]), "at")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4]))

    with pytest.raises(RefusedError, match=r"sparse|file itself"):
        look(model)


# --- Code of its own ------------------------------------------------------------------------------------------------


def test_an_operator_of_somebody_is_refused():
    nodes = [node("Flatten", "pictures", "pixels"), node("Run", "pixels", "answers", domain="com.example")]
    with pytest.raises(RefusedError, match=r"Run 'make answers' of 'com\.example'"):
        look(make_model(nodes, domains={"": 17, "com.example": 1}))


def test_an_operator_that_nobody_knows_is_refused():
    with pytest.raises(RefusedError, match="FlattenIt"):
        look(make_model([node("FlattenIt", "pictures", "answers")]))


def test_a_set_of_operators_that_is_named_and_not_used_does_not_matter():
    assert look(make_model(domains={"": 17, "pkg.onnxscript.torch_lib": 1}))


@pytest.mark.parametrize(("version", "is_taken"), [(6, False), (7, True), (17, True), (1000, False)])
def test_operators_are_of_a_version_that_is_known(version, is_taken):
    model = make_model(domains={"": version})
    if is_taken:
        assert graphs.read(model.SerializeToString())
    else:
        with pytest.raises(RefusedError, match=f"found {version}"):
            look(model)


@pytest.mark.parametrize("kind", ["If", "Loop", "Scan"])
def test_control_flow_is_refused(kind):
    body = helper.make_graph(
        [node("Identity", "c", "d")],
        "body",
        [],
        [helper.make_tensor_value_info("d", TensorProto.FLOAT, (1,))],
    )
    named = {"If": {"then_branch": body, "else_branch": body}}.get(kind, {"body": body})

    with pytest.raises(RefusedError, match=r"control flow|graph within"):
        look(make_model([node(kind, "pictures", "answers", **named)]))


def test_a_graph_within_an_attribute_is_refused_whatever_it_is_for():
    body = make_model().graph
    nodes = [
        node("Flatten", "pictures", "pixels", inner=body),
        node("MatMul", ["pixels", "w"], "answers"),
    ]

    with pytest.raises(RefusedError, match="another within it"):
        look(make_model(nodes, {"w": weights(192, 2)}))


# --- Sizes ----------------------------------------------------------------------------------------------------------


def bomb(side):
    """Make a network that asks for a value of side x side numbers, by a few bytes."""
    nodes = [
        node("ConstantOfShape", "sides", "huge"),
        node("ReduceSum", "huge", "sum", keepdims=0),
        node("Flatten", "pictures", "pixels"),
        node("MatMul", ["pixels", "w"], "a"),
        node("Add", ["a", "sum"], "answers"),
    ]
    return make_model(nodes, {"sides": np.array([side, side]), "w": weights(192, 2)})


def test_a_bomb_is_refused():
    with pytest.raises(RefusedError, match=r"found the shape \(100000, 100000\) of 'huge'"):
        look(bomb(100_000))
    assert look(bomb(100))


@pytest.mark.parametrize(
    ("kind", "inputs", "many"),
    [
        ("Expand", ["point", "many"], [1, 3, 20_000, 20_000]),
        ("Tile", ["point", "many"], [1, 1, 20_000, 20_000]),
        ("Resize", ["pictures", "", "", "many"], [1, 3, 20_000, 20_000]),
    ],
)
def test_a_bomb_of_another_kind_is_refused(kind, inputs, many):
    nodes = [
        node("GlobalAveragePool", "pictures", "point"),
        node(kind, inputs, "huge"),
        node("GlobalAveragePool", "huge", "small"),
        node("Flatten", "small", "answers"),
    ]
    model = make_model(nodes, {"many": np.array(many)}, answers=("n", None))

    with pytest.raises(RefusedError, match="'huge'"):
        look(model)


def test_more_nodes_than_anybody_needs_are_refused():
    chain = [node("Identity", f"v{i}", f"v{i + 1}") for i in range(20_001)]

    with pytest.raises(RefusedError, match=r"1 to 20,000 nodes; found 20,001"):
        look(make_model(chain))


def test_weights_that_are_said_to_be_many_are_counted_before_anything_is_made_of_them():
    model = make_model()
    model.graph.initializer[0].dims[:] = [2**31, 2**31]

    with pytest.raises(RefusedError, match="at most 500,000,000 weights"):
        look(model)


def test_a_side_below_nothing_is_refused():
    model = make_model()
    model.graph.initializer[0].dims[:] = [-1, 2]

    with pytest.raises(RefusedError, match="sides of 0 or more"):
        look(model)


# --- Ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "is_taken"),
    [
        (("n", 3, 8, 8), True),
        (("n", 8, 8, 3), True),
        (("n", 3, 512, 512), True),
        (("n", 3, 513, 513), False),
        (("n", 3, 7, 7), False),
        (("n", 1, 8, 8), False),
        (("n", 3, 8, 9), False),
        (("n", 3, "s", "s"), False),
        ((2000, 3, 8, 8), False),
        (("n", 192), False),
    ],
)
def test_pictures_are_square_and_of_a_fixed_side(shape, is_taken):
    model = make_model(shape=shape)

    if is_taken:
        assert graphs.look(model, N_CLASSES).side_px == max(shape[1:3])
    else:
        with pytest.raises(RefusedError, match="found"):
            graphs.look(model, N_CLASSES)


def test_pictures_come_as_float32_or_bytes():
    with pytest.raises(RefusedError, match="found double"):
        graphs.look(make_model(kind=TensorProto.DOUBLE), N_CLASSES)


def test_a_network_with_two_inputs_is_refused():
    model = make_model()
    model.graph.input.append(helper.make_tensor_value_info("labels", TensorProto.INT64, ["n"]))

    with pytest.raises(RefusedError, match="one input, a batch of pictures; found 2"):
        graphs.look(model, N_CLASSES)


def test_answers_are_for_the_classes_of_the_contest():
    with pytest.raises(RefusedError, match=r"shape \(n, 2\); found \(n, 3\)"):
        graphs.look(make_model(answers=("n", 3)), N_CLASSES)


def test_of_several_outputs_the_one_named_logits_is_asked_for():
    model = make_model()
    model.graph.output.append(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 192]))
    with pytest.raises(RefusedError, match="found 2"):
        graphs.look(model, N_CLASSES)

    model.graph.output[0].name = "logits"

    assert graphs.look(model, N_CLASSES).answers == "logits"


@pytest.mark.parametrize(("said", "found"), [(None, [0, 1]), (["a", "b"], [0, 1]), (["b", "a"], [1, 0])])
def test_classes_are_put_into_the_order_of_the_contest(said, found):
    assert graphs.columns(said, ["a", "b"]) == found


@pytest.mark.parametrize("said", [["a"], ["a", "c"], ["a", "b", "c"], [["a"], {}], []])
def test_classes_of_another_contest_are_refused(said):
    with pytest.raises(RefusedError, match="class"):
        graphs.columns(said, ["a", "b"])


def test_classes_are_read_from_what_a_file_says_of_itself():
    assert graphs.classes_of(make_model(metadata={"classes": '["b", "a"]'})) == ["b", "a"]
    assert graphs.classes_of(make_model()) is None
    with pytest.raises(RefusedError, match="list in JSON"):
        graphs.classes_of(make_model(metadata={"classes": "[" * 100_000}))
