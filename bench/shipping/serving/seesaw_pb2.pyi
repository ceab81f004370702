from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Description(_message.Message):
    __slots__ = ("version", "served")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    version: int
    served: _containers.RepeatedCompositeFieldContainer[Served]
    def __init__(self, version: _Optional[int] = ..., served: _Optional[_Iterable[_Union[Served, _Mapping]]] = ...) -> None: ...

class Served(_message.Message):
    __slots__ = ("record", "cut", "feature", "carried", "classes", "codec", "most_bytes", "seconds", "name")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    CARRIED_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    MOST_BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    record: str
    cut: int
    feature: _containers.RepeatedScalarFieldContainer[int]
    carried: int
    classes: int
    codec: str
    most_bytes: int
    seconds: float
    name: str
    def __init__(self, record: _Optional[str] = ..., cut: _Optional[int] = ..., feature: _Optional[_Iterable[int]] = ..., carried: _Optional[int] = ..., classes: _Optional[int] = ..., codec: _Optional[str] = ..., most_bytes: _Optional[int] = ..., seconds: _Optional[float] = ..., name: _Optional[str] = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ("id", "record", "cut", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: int
    record: str
    cut: int
    message: bytes
    def __init__(self, id: _Optional[int] = ..., record: _Optional[str] = ..., cut: _Optional[int] = ..., message: _Optional[bytes] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("id", "logits", "waited", "computed", "batch", "refused")
    ID_FIELD_NUMBER: _ClassVar[int]
    LOGITS_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    COMPUTED_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    id: int
    logits: bytes
    waited: float
    computed: float
    batch: int
    refused: str
    def __init__(self, id: _Optional[int] = ..., logits: _Optional[bytes] = ..., waited: _Optional[float] = ..., computed: _Optional[float] = ..., batch: _Optional[int] = ..., refused: _Optional[str] = ...) -> None: ...
