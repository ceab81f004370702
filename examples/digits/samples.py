"""Ten digits of the test split as C, scaled as the network takes them: a stand-in for a sensor."""

from pathlib import Path

from bench import Task, choose

COUNT = 10

data = choose(Task, "digits").plugin.data(Path("data"), 0)
inputs = data.scale(data.test.inputs[:COUNT]).flatten(1).tolist()
rows = ",\n".join("  {" + ", ".join(f"{value:.9e}f" for value in row) + "}" for row in inputs)
labels = ", ".join(str(int(label)) for label in data.test.labels[:COUNT])
print(f"#define SAMPLES {COUNT}")
print(f"static const float samples[SAMPLES][MODEL_INPUTS] = {{\n{rows}\n}};")
print(f"static const int labels[SAMPLES] = {{{labels}}};")
