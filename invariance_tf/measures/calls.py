"""The calls of a model's layers: what they are named and what they return.

A layer is one or several neurons' worth of activity each time it is called, so
it is calls that are measured. A path names the call: `block/conv` is the layer
`conv` inside the layer or model `block`. If it is called more than once, all
its calls are numbered, in the order in which the model was written: `conv:1`,
`conv:2`.

Keras knows the calls of a functional model. Those inside nested and subclassed
models exist only while the model runs: there they are watched.
"""

import collections
import contextlib
import dataclasses
import functools
from typing import Any

import keras

# Images with which a model is tried out: a number that no layer is likely to
# have as another dimension.
_BATCH = 3


@dataclasses.dataclass(eq=False)
class Call:
    """Holds one call of a layer or operation.

    Attributes:
        name: String, its path, see above.
        operation: The `keras.Operation`, mostly a layer.
        inputs: List of the tensors that it got.
        output: What it returned, mostly a tensor.
        parent: The `Call` during which it took place, or `None`.
        sources: List of the `Call`s that made the inputs, `None` if unknown.
    """

    name: str
    operation: Any
    inputs: list
    output: Any = None
    parent: Any = None
    sources: list = ()

    def is_measurable(self, batch=None):
        """Tells whether the output is an array of numbers for each image."""
        shape = getattr(self.output, "shape", None)
        return (
            shape is not None
            and not isinstance(self.operation, keras.layers.InputLayer)
            and "float" in keras.backend.standardize_dtype(self.output.dtype)
            and len(shape) > 1
            and shape[0] == batch
        )


def list_calls(model, values=None):
    """Lists the calls of a model, in the order in which they end.

    Args:
        model: A `keras.Model` that is built.
        values: What it is called with: a `keras.KerasTensor`, or a dictionary
            of them by input. `None` for a flat model.

    Returns:
        Pair of the list of `Call`s that can be measured, and of the last call
        of all, the model's own. The output is a `keras.KerasTensor`.
    """
    casts = {}
    if values is None:
        found, own = _written_calls(model)
        batch = own.inputs[0].shape[0]
        mixing = _mixing_calls(own.inputs, found)
    else:
        batch = _BATCH
        values = keras.tree.map_structure(
            lambda value: keras.KerasTensor(
                (batch, *value.shape[1:]), value.dtype
            ),
            values,
        )
        watcher = _Watcher(model)
        with _watched_casts() as casts:
            watcher(values)
        *found, own = watcher.calls
        mixing = ()
    _link([*found, own], casts)
    found = [
        call
        for call in found
        if call.is_measurable(batch) and call not in mixing
    ]
    for call in found:
        # Nothing that was made while the model was tried out is kept.
        if not isinstance(call.output, keras.KerasTensor):
            shape, dtype = call.output.shape, call.output.dtype
            call.output = keras.KerasTensor(
                tuple(shape), keras.backend.standardize_dtype(dtype)
            )
    return found, own


@contextlib.contextmanager
def _watched_casts():
    """Yields a dictionary that fills up with what layers cast.

    Layers of another dtype cast their inputs, which makes others of them: by
    their identity, pairs of what was made and of what it was made of.
    """
    casts, policy = {}, keras.DTypePolicy
    convert = policy.convert_input

    def watched(self, tensor, *args, **kwargs):
        made = convert(self, tensor, *args, **kwargs)
        if made is not tensor:
            casts[id(made)] = made, tensor
        return made

    policy.convert_input = watched
    try:
        yield casts
    finally:
        policy.convert_input = convert


def _link(calls, casts):
    """Finds out for all calls which others made their inputs."""
    makers = {}

    def find(tensor, former):
        while id(tensor) not in makers and id(tensor) in casts:
            tensor = casts[id(tensor)][1]
        return makers.get(id(tensor)) or _alike(former, tensor, makers)

    for index, call in enumerate(calls):
        tensors = keras.tree.flatten(call.output)
        used = tensors if call is calls[-1] else call.inputs
        call.sources = [find(tensor, calls[:index]) for tensor in used]
        # The first is the innermost; later ones passed the tensor on.
        for tensor in tensors:
            makers.setdefault(id(tensor), call)
    for call in calls:
        call.inputs = ()


def _alike(calls, tensor, makers):
    """Returns the only call that made a tensor of the same shape, or `None`.

    What is not done by layers makes tensors that are not known.
    """
    shape = getattr(tensor, "shape", None)
    if shape is None or isinstance(tensor, keras.KerasTensor):
        return None
    same = {
        makers[id(call.output)]
        for call in calls
        if getattr(call.output, "shape", None) == shape
    }
    return same.pop() if len(same) == 1 else None


def _mixing_calls(inputs, calls):
    """Lists calls of a flat model that make other than one row of an image.

    Those that cut images into windows have any number of rows as long as the
    number of images is open.
    """
    if not calls or inputs[0].shape[0] is not None:
        return []
    outputs = [call.output for call in calls]
    shapes = keras.Function(inputs, outputs).compute_output_spec(
        [keras.KerasTensor((_BATCH, *x.shape[1:]), x.dtype) for x in inputs]
    )
    return [
        call
        for call, found in zip(calls, shapes, strict=True)
        if keras.tree.flatten(found)[0].shape[:1] != (_BATCH,)
    ]


def is_graph(model):
    """Tells whether Keras knows the model's calls, at least the outer ones."""
    owner = next(each for each in type(model).__mro__ if "call" in vars(each))
    if owner.__module__.partition(".")[0] != "keras":
        return False
    if isinstance(model, keras.Sequential):
        return bool(model.built and model._functional)
    return isinstance(model, keras.Function)


def is_flat(model):
    """Tells whether the model is a graph of layers without inner layers."""
    if not is_graph(model):
        return False
    nodes = graph_nodes(model)
    operations = {id(node.operation) for node in nodes}
    return len(nodes) == len(operations) and not any(
        getattr(node.operation, "_layers", None) for node in nodes
    )


def graph_nodes(model):
    """Lists Keras' records of the calls in a graph, as they are run."""
    by_depth = getattr(model, "_functional", model)._nodes_by_depth
    nodes = [
        node for depth in sorted(by_depth)[::-1] for node in by_depth[depth]
    ]
    return [node for node in nodes if not node.is_input]


def graph_outputs(model):
    """Returns what a graph's own layers return that are called once, by name.

    They can be cut out of the graph, even if other layers are shared or have
    inner layers.
    """
    nodes = graph_nodes(model)
    counts = collections.Counter(node.operation.name for node in nodes)
    return {
        node.operation.name: node.outputs[0]
        for node in nodes
        if counts[node.operation.name] == 1
    }


def _written_calls(model):
    """Lists the calls of a flat model without running it."""
    graph = getattr(model, "_functional", model)
    nodes = {id(node.operation): node for node in graph_nodes(model)}
    calls = []
    for operation in graph.operations:
        node = nodes.get(id(operation))
        if node is not None:
            output = node.outputs[0] if len(node.outputs) == 1 else node.outputs
            calls.append(
                Call(operation.name, operation, node.input_tensors, output)
            )
    return calls, Call("", model, graph.inputs, graph.outputs)


class _Watcher(keras.layers.Layer):
    """Runs a model without images and keeps its calls."""

    def __init__(self, model):
        super().__init__(dtype="float32", autocast=False)
        self._run = functools.partial(_run_watched, model)
        self.calls = ()

    def call(self, values):
        calls = self._run(values)
        self.calls = tuple(calls)
        return calls[-1].output

    def build(self, shape):
        self.built = True


def _run_watched(model, values):
    """Runs a model; returns its calls, the last of which is its own."""
    if is_graph(model):
        values = keras.tree.map_structure(
            lambda tensor: (
                values[tensor.name] if isinstance(values, dict) else values
            ),
            getattr(model, "_functional", model).input,
        )
    with _watched(model) as calls:
        model(values, training=False)
    _number(calls)
    return calls


class Probe(keras.Model):
    """Computes what some calls of a model return.

    Args:
        model: A `keras.Model`.
        names: Sequence of names of calls.
    """

    def __init__(self, model, names):
        super().__init__(name="probe", dtype="float32", autocast=False)
        self.model = model
        self._names = tuple(names)

    def build(self, shape):
        self.built = True

    def call(self, values):
        found = {x.name: x.output for x in _run_watched(self.model, values)}
        return {name: found[name] for name in self._names}


@contextlib.contextmanager
def _watched(model):
    """Yields a list that fills up with the calls of a model that runs."""
    calls, open_calls = [], []

    def watch(operation):
        is_quantized = getattr(operation, "quantization_mode", None)
        method = "quantized_call" if is_quantized else "call"
        call = getattr(operation, method)

        @functools.wraps(call)
        def watched(*args, **kwargs):
            inputs = keras.tree.flatten((args, kwargs))
            parent = open_calls[-1] if open_calls else None
            path = [parent.name] if parent and parent.name else []
            name = "/".join([*path, operation.name]) if parent else ""
            record = Call(name, operation, inputs, parent=parent)
            open_calls.append(record)
            try:
                record.output = call(*args, **kwargs)
            finally:
                open_calls.pop()
            calls.append(record)
            return record.output

        # The object's own attribute hides the method of its class, and is
        # removed again. Assignment would be Keras' tracking of attributes.
        former = vars(operation).get(method)
        vars(operation)[method] = watched
        return functools.partial(_restore, operation, method, former)

    with contextlib.ExitStack() as stack:
        for operation in _operations(model):
            stack.callback(watch(operation))
        yield calls


def _restore(operation, method, former):
    del vars(operation)[method]
    if former is not None:
        vars(operation)[method] = former


def _operations(model):
    """Lists the model, and the layers and operations in it at any depth."""
    layers = model._flatten_layers()
    found = {
        id(operation): operation
        for layer in layers
        for operation in (layer, *getattr(layer, "operations", ()))
    }
    for layer in layers:
        # What runs in a loop has no output of its own.
        if isinstance(layer, keras.layers.RNN | keras.layers.TimeDistributed):
            for inner in layer._flatten_layers(include_self=False):
                found.pop(id(inner), None)
    return [*found.values()]


def _number(calls):
    """Numbers calls of the same path, in the order of the model's code."""
    places = _places(calls)
    by_path = collections.defaultdict(list)
    for call in calls:
        by_path[call.name].append(call)
    for path, same in by_path.items():
        same.sort(key=lambda call: places[call])
        if len(same) > 1:
            for number, call in enumerate(same, start=1):
                call.name = f"{path}:{number}"


def _places(calls):
    """Returns each call's place among those of its path: a sortable tuple.

    A graph runs the branches of a layer in an order of its own, which is not
    that in which the layer was called.
    """
    siblings = collections.defaultdict(list)
    for call in calls:
        siblings[call.parent, call.name].append(call)
    rank = {}
    for (parent, _), same in siblings.items():
        ranks = [*range(len(same))]
        if len(same) > 1 and parent and is_graph(parent.operation):
            operation = same[0].operation
            order = [
                operation._inbound_nodes.index(node)
                for node in graph_nodes(parent.operation)
                if node.operation is operation
            ]
            if len(order) == len(same):
                ranks = order
        rank |= dict(zip(same, ranks, strict=True))

    def place(call):
        above = place(call.parent) if call.parent else ()
        return (*above, rank[call])

    return {call: place(call) for call in calls}
