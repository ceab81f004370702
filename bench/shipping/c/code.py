"""Code: `model.h` and `model.c` of a part, C99 without anything beside the standard library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from bench.errors import SeesawError
from bench.execution.int8.quantise import IntProgram, IntStep
from bench.execution.program.program import ProgramStep
from bench.kinds.policy import FORMULAS
from bench.network.net import Part
from bench.shipping.c.frames import FrameForm, encode, receive
from bench.shipping.c.int_steps import IntSteps
from bench.shipping.c.program import PartProgram, int_program, part_program
from bench.shipping.c.steps import Steps
from bench.shipping.c.tables import BYTE, PLACE, number, quoted

TEXTS = Path(__file__).parent / "text"
ORDER = (
    "zero",
    "each",
    "layer",
    "ring",
    "int_zero",
    "int_each",
    "int_layer",
    "int_give",
    "int_rings",
    "int_halves",
    "int_one",
    "int_row",
    "int_means",
    "int_walk",
    "int_image",
    "copy",
)
"""Names of texts, in the order in which they are written."""


@dataclass(frozen=True)
class Code:
    """A part in C.

    Attributes:
        header: `model.h`.
        source: `model.c`.
        arena: bytes of the arena.
        tables: bytes of the constant numbers.
        exits: how many are in the part.
        inputs: numbers of one input.
        frame: bytes of the feature's frame; 0 where the part ends with the last exit.
        decides: whether policies decide in it.
        ints: what it does, where it computes with int8; None for float32.
    """

    header: str
    source: str
    arena: int
    tables: int
    exits: int
    inputs: int
    frame: int
    decides: bool = False
    ints: IntProgram | None = None


def code_of(
    part: Part,
    name: str,
    policies: Mapping[str, Sequence[float]],
    calibration: Tensor | None = None,
    codec: str = "float32",
) -> Code:
    """A part in C.

    Args:
        part: in eval mode.
        name: of the network, as a text; it becomes a constant.
        policies: by formula (`Policy.formula`), the threshold of each of the part's exits.
        calibration: for C that computes with int8, inputs of the part (N, ...), from which its scales are; None for float32.
        codec: of the features that it sends and takes, of `bench.shipping.c.frames.CODECS`.

    Raises:
        SeesawError: the part does something that cannot be said in C.
    """
    program = part_program(part)
    ints = None if calibration is None else int_program(program, calibration)
    steps = Steps() if ints is None else IntSteps(classes=part.incoming.classes)
    exits, classes = len(program.logits), part.incoming.classes
    if not exits and program.feature is None:
        raise SeesawError(
            "This part has neither exits nor a feature, so there is nothing to compute. Cut later."
        )
    policies = policies if exits else {}
    take, give = steps.copy(program.inputs), None
    sent, came = FrameForm(part.outgoing.shape, codec), FrameForm(part.incoming.shape, codec)
    if program.feature is not None:
        give = steps.copy(program.feature)
    if take is None or (program.feature is not None and give is None):
        raise SeesawError(
            "The numbers of this part's input or feature lie in no regular order, which cannot be said in C. "
            "Choose another cut."
        )
    receives = part.start > 0
    body = [_next(program, steps, ints)]
    room = _room(program, steps)
    header = _header(part, program, policies, came if receives else None, sent, room)
    functions = [_text(name) for name in ORDER if name in steps.used]
    if isinstance(steps, IntSteps):
        gaps = {"BYTES": BYTE, "WIDE": PLACE}
        used = "".join(f"#define MODEL_{name} {int(kind in steps.gaps)}\n" for name, kind in gaps.items())
        functions = [
            f"/* The types of gaps between columns. */\n{used}", steps.form_texts(), _text("level"), _text("scaled"), *functions
        ]  # fmt: skip
    if policies:
        body.append(_thresholds(policies) + _text("scores"))
    if receives or give is not None:
        functions += [_text("place"), _text("checksum")]
    if receives:
        functions.append(_text("get"))
        place = f"arena->numbers[model_place_of(&{take}, n)]"
        body.append(receive(came, place, lambda value: _taken(value, ints)))
    if give is not None:
        functions.append(_text("put"))
        given = f"arena->numbers[model_place_of(&{give}, n)]"
        body.append(encode(sent, given if ints is None else f"(float){given} * {number(float(ints.scale))}"))
    source = "\n".join(
        [
            '#include "model.h"\n\n#include <math.h>\n#include <string.h>\n',
            "/* Places in the arena, and other whole numbers of tables. */\n"
            f"typedef {'uint16_t' if steps.tables.narrow else 'uint32_t'} model_place;\n"
            f"#define MODEL_ABSENT ((model_place)-1)\n#define MODEL_FINAL {int(part.final)}\n",
            "/* The sizes that this file was written for. */\n"
            "typedef char model_float_has_four_bytes[sizeof(float) == 4 ? 1 : -1];\n"
            "typedef char model_arena_has_its_size[sizeof(model_arena) == MODEL_ARENA_BYTES ? 1 : -1];\n",
            f"const char model_name[] = {quoted(name)};\n",
            *functions,
            steps.tables.text(),
            "".join(steps.constants),
            _start(str(take), ints),
            _logits(program, classes, ints),
            *body,
        ]
    )
    return Code(
        header,
        source,
        room.bytes,
        steps.tables.bytes,
        exits,
        len(program.inputs),
        sent.bytes if give is not None else 0,
        bool(policies),
        ints,
    )


@dataclass(frozen=True)
class Room:
    """The arena.

    Attributes:
        sizes: lines of C that define them.
        fields: lines of C, those of the struct before the two numbers of all.
        bytes: of the whole.
    """

    sizes: list[str]
    fields: str
    bytes: int


def _room(program: PartProgram, steps: Steps) -> Room:
    if not isinstance(steps, IntSteps):
        lengths = {"NUMBERS": program.size} | ({"SCRATCH": steps.scratch} if steps.scratch else {})
        return Room(
            [f"#define MODEL_{name} {length}" for name, length in lengths.items()],
            "".join(f"  float {name.lower()}[MODEL_{name}];\n" for name in lengths),
            4 * sum(lengths.values()) + 8,
        )
    sizes = {
        "SUMS": max(steps.sums, 1),
        "SCRATCH": _multiple(steps.scratch, 2),
        "NUMBERS": _multiple(program.size, 4),
    }
    return Room(
        [f"#define MODEL_{name} {size}" for name, size in sizes.items()],
        "  float logits[MODEL_CLASSES];\n  int32_t sums[MODEL_SUMS];\n  int16_t scratch[MODEL_SCRATCH];\n"
        "  int8_t numbers[MODEL_NUMBERS];\n",
        4 * sizes["SUMS"] + 2 * sizes["SCRATCH"] + sizes["NUMBERS"] + 4 * steps.classes + 8,
    )


def _multiple(size: int, of: int) -> int:
    """The next multiple of a number that is at least a size, and not 0."""
    return -(-max(size, 1) // of) * of


def _text(name: str) -> str:
    return (TEXTS / f"{name}.c").read_text(encoding="utf-8")


def _header(
    part: Part,
    program: PartProgram,
    policies: Mapping[str, Sequence[float]],
    came: FrameForm | None,
    sent: FrameForm,
    room: Room,
) -> str:
    lines = [
        "/* A part of a network, written by `seesaw pack --c`. C99, no allocation, no recursion, no state but the arena. */",
        "#ifndef MODEL_H\n#define MODEL_H\n\n#include <stddef.h>\n#include <stdint.h>\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        f"#define MODEL_INPUTS {len(program.inputs)} /* numbers of one input */",
        f"#define MODEL_CLASSES {part.incoming.classes}",
        f"#define MODEL_EXITS {len(program.logits)} /* of this part */",
        *room.sizes,
        f"#define MODEL_ARENA_BYTES {room.bytes}",
        "#define MODEL_END (-1) /* there is no further exit: the feature is ready, or all is done */\n",
        "/* All that a sample needs while it is on its way. Its content is nobody's business but model.c's. */",
        f"typedef struct {{\n{room.fields}  uint32_t next, reached;\n}} model_arena;\n",
        "/* What this part belongs to. */\nextern const char model_name[];\n",
        "/* Begin with a sample: MODEL_INPUTS numbers, scaled as in training, channels first. */",
        "void model_start(model_arena *arena, const float *x);\n",
        "/* Run up to the next exit, and return its number in this part, from 0 on; MODEL_END behind the last one. */",
        "int model_next(model_arena *arena);\n",
        "/* The MODEL_CLASSES logits of the exit that was reached last, until model_next goes on; null before the first. */",
        "const float *model_logits(const model_arena *arena);\n",
        "/* The class with the largest of these logits; MODEL_END before the first exit. */",
        "int model_answer(const model_arena *arena);\n",
    ]
    if policies:
        names = ", ".join(f"MODEL_{one.upper()}" for one in FORMULAS)
        lines += [
            "/* The policies that decide here, at the thresholds at which they are shipped:"
            f" {', '.join(f'MODEL_{one.upper()}' for one in policies)}. */",
            f"#define MODEL_POLICIES {len(FORMULAS)}",
            f"typedef enum {{ {names} }} model_policy;\n",
            "/* Whether a policy lets the sample leave at the exit that was reached last. */",
            "int model_leaves(const model_arena *arena, model_policy policy);\n",
        ]
    if program.feature is not None:
        lines += [
            f"#define MODEL_FRAME_BYTES {sent.bytes}",
            f"/* Write the feature as a frame of {sent.codec}, as `seesaw serve` reads it, once model_next returned MODEL_END. */",
            "void model_encode(const model_arena *arena, uint8_t frame[MODEL_FRAME_BYTES]);\n",
        ]
    if came is not None:
        lines += [
            f"#define MODEL_RECEIVED_BYTES {came.bytes}",
            f"/* Begin with a frame of {came.codec} from the device. Returns 1, or 0 for what is no such frame: nothing is begun. */",
            "int model_receive(model_arena *arena, const uint8_t *frame, size_t bytes);\n",
        ]
    return "\n".join([*lines, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"])


def _next(program: PartProgram, steps: Steps, ints: IntProgram | None) -> str:
    """`model_next`: each stretch is a case."""
    cases = []
    stretches: Sequence[Sequence[ProgramStep | IntStep]] = (
        program.stretches if ints is None else ints.stretches
    )
    for number_, stretch in enumerate(stretches):
        calls = "".join(f"      {steps.call(step)}\n" for step in stretch)
        if number_ < len(program.logits):
            end = f"      arena->reached = {number_}u;\n      return {number_};\n"
        else:
            end = "      return MODEL_END;\n"
        cases.append(f"    case {number_}u:\n{calls}{end}")
    return (
        f"int model_next(model_arena *arena) {{\n  {'float' if ints is None else 'int8_t'} *numbers = arena->numbers;\n"
        "  (void)numbers;\n"
        "  switch (arena->next++) {\n" + "".join(cases) + f"    default:\n      arena->next = "
        f"{len(stretches)}u;\n      return MODEL_END;\n  }}\n}}\n"
    )


def _taken(value: str, ints: IntProgram | None) -> str:
    """A number from outside as the arena has it."""
    return value if ints is None else f"model_level({value} * {number(float(ints.inverse))})"


def _start(take: str, ints: IntProgram | None) -> str:
    loops = "".join(
        f"{'  ' * depth}  for ({one} = 0; {one} < {take}.sizes[{depth}]; {one}++)\n"
        for depth, one in enumerate("abcd")
    )
    steps = " + ".join(f"{one} * {take}.steps[{depth}]" for depth, one in enumerate("abcd"))
    return (
        "void model_start(model_arena *arena, const float *x) {\n  uint32_t a, b, c, d;\n"
        f"{loops}          arena->numbers[{take}.first + {steps}] = {_taken('*x++', ints)};\n"
        "  arena->next = 0;\n  arena->reached = MODEL_EXITS;\n}\n"
    )


def _logits(program: PartProgram, classes: int, ints: IntProgram | None) -> str:
    cases = "".join(
        f"    case {number_}u:\n      return {f'arena->numbers + {place}' if ints is None else 'arena->logits'};\n"
        for number_, place in enumerate(program.logits)
    )
    return (
        "const float *model_logits(const model_arena *arena) {\n  switch (arena->reached) {\n" + cases
        + "    default:\n      return 0;\n  }\n}\n\n"
        "int model_answer(const model_arena *arena) {\n  const float *logits = model_logits(arena);\n"
        "  int n, best = 0;\n  if (!logits) return MODEL_END;\n"
        "  for (n = 1; n < MODEL_CLASSES; n++)\n    if (logits[n] > logits[best]) best = n;\n  return best;\n}\n"
    )  # fmt: skip


def _thresholds(policies: Mapping[str, Sequence[float]]) -> str:
    """Thresholds by formula and exit; nobody leaves by a formula without any."""
    rows = [
        ", ".join(
            number(one) for one in policies.get(formula, [math.inf] * len(next(iter(policies.values()))))
        )
        for formula in FORMULAS
    ]
    table = ",\n".join(f"  {{{row}}}" for row in rows)
    return f"static const float model_thresholds[{len(FORMULAS)}][MODEL_EXITS] = {{\n{table}\n}};\n\n"
