"""Read the object graphs of a SavedModel: that of `saved_model.pb`, and that of its checkpoint.

Only these fields are read:
SavedModel { repeated MetaGraphDef meta_graphs = 2; }, MetaGraphDef { SavedObjectGraph = 7; },
SavedObjectGraph { repeated SavedObject nodes = 1; }, TrackableObjectGraph { repeated nodes = 1; },
SavedObject { repeated ObjectReference children = 1; SavedUserObject = 4 { string metadata = 3; } },
TrackableObject { repeated ObjectReference children = 1; repeated attributes = 2; },
ObjectReference { int32 node_id = 1; string local_name = 2; }, attribute { checkpoint_key = 3; },
and of `keras_metadata.pb`, in which Keras 2.5 and later keeps its JSON:
SavedMetadata { repeated SavedObject nodes = 1 { int32 node_id = 2; string metadata = 5; } }.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microlut.importers.keras.wire import fields, messages, number, text

_NODES, _CHILDREN = 1, 1
_META_GRAPHS, _OBJECT_GRAPH, _USER_OBJECT, _USER_METADATA = 2, 7, 4, 3
_ATTRIBUTES, _KEY = 2, 3
_NODE_ID, _LOCAL_NAME = 1, 2
_METADATA_NODE_ID, _METADATA_TEXT = 2, 5


@dataclass(frozen=True, slots=True)
class Tracked:
    """An object of a graph.

    Attributes:
        children: Numbers of objects by the names that this one has for them.
        text: What Keras says of it, in the graph of the model.
        keys: Names of its variables in the checkpoint, in the graph of that.
    """

    children: Mapping[str, int]
    text: str = ""
    keys: tuple[str, ...] = ()


def saved_objects(data: memoryview) -> tuple[Tracked, ...]:
    """Return the objects of a `saved_model.pb`.

    Raises:
        ValueError: The bytes are no such message.
    """
    for graph in messages(data, _META_GRAPHS):
        return tuple(
            Tracked(_children(node), _user_text(node))
            for objects in messages(graph, _OBJECT_GRAPH)
            for node in messages(objects, _NODES)
        )
    return ()


def stored_objects(data: memoryview) -> tuple[Tracked, ...]:
    """Return the objects of a checkpoint.

    Raises:
        ValueError: The bytes are no such message.
    """
    return tuple(
        Tracked(
            _children(node),
            keys=tuple(
                text(key)
                for attribute in messages(node, _ATTRIBUTES)
                for key in messages(attribute, _KEY)
            ),
        )
        for node in messages(data, _NODES)
    )


def metadata_texts(data: memoryview) -> Mapping[int, str]:
    """Return each object's JSON text in a `keras_metadata.pb`, by its number.

    Raises:
        ValueError: The bytes are no such message.
    """
    texts = {}
    for node in messages(data, _NODES):
        found = dict(fields(node))
        texts[number(found.get(_METADATA_NODE_ID, 0))] = text(found.get(_METADATA_TEXT, b""))
    return texts


def _children(node: memoryview) -> dict[str, int]:
    found = (dict(fields(child)) for child in messages(node, _CHILDREN))
    return {text(each.get(_LOCAL_NAME, b"")): number(each.get(_NODE_ID, 0)) for each in found}


def _user_text(node: memoryview) -> str:
    users = messages(node, _USER_OBJECT)
    texts = [text(found) for user in users for found in messages(user, _USER_METADATA)]
    return texts[-1] if texts else ""
