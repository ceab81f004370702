// The kernels along runs, and the operations on vectors, against loops: for processors on which no PyTorch is at hand.

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "depthwise.h"

using namespace seesaw;

namespace {

std::mt19937 drawn(0);
float number() { return std::uniform_real_distribution<float>(-1, 1)(drawn); }
int faults = 0;

void hold(bool right, const char* what, int n) {
  if (!right && faults++ < 9) std::printf("%s %d is wrong\n", what, n);
}

// One chunk of so many rows, along two runs of a length, with numbers added, bounds and a mask.
void chunk(int rows, int length, int places, bool narrow) {
  const int channel = 300, count = 40;
  std::vector<float> in(channel * count + 512), values(places * rows), bias(rows), more(rows * channel + 64), out(rows * channel, 7);
  for (auto* list : {&in, &values, &bias, &more})
    for (float& x : *list) x = number();
  std::vector<int32_t> index(2 * places + rows), mask(length + 256), wide(places);
  for (int k = 0; k < places; ++k) wide[k] = index[k] = drawn() % (channel * count - 200);
  if (narrow)
    for (int k = 0; k < places; ++k) reinterpret_cast<uint16_t*>(index.data())[k] = wide[k];
  for (int r = 0; r < rows; ++r) index[2 * places + r] = rows - 1 - r;
  for (int& x : mask) x = drawn() % 4 ? -1 : 0;
  const Chunk c{places, rows, 0, 0, 2 * places};
  const Layer layer{&c, 1, index.data(), values.data(), bias.data(), -0.5f, 2.f};
  Step step = {};
  step.outer = 1, step.inner = 2, step.length = length;
  step.in_inner = 3, step.out_inner = step.more_inner = 150, step.out_row = step.more_row = channel;
  (narrow ? kNarrow : kAlong[rows])(layer, &c, &c + 1, in.data(), out.data(), more.data(), mask.data(), step);
  bool right = true;
  for (int r = 0; r < rows; ++r)
    for (int run = 0; run < 2; ++run)
      for (int at = 0; at < 150; ++at) {
        const int row = rows - 1 - r, to = row * channel + run * 150 + at;
        double y = bias[row] + more[to];
        for (int k = 0; k < places; ++k) y += double(values[k * rows + r]) * in[wide[k] + run * 3 + at];
        y = at >= length ? 7 : mask[at] ? std::fmin(std::fmax(y, -0.5), 2) : 0;  // behind a run nothing is written
        right = right && std::fabs(out[to] - y) < 1e-4;
      }
  hold(right, narrow ? "a narrow chunk along runs of" : "a chunk along runs of", length);
}

// A chunk of one row along several lines: of whole vectors, one after the other or each other one, which tiles take together.
void lines(int count, int wide, bool apart) {
  const int places = 7, length = wide * kLanes, line = length + 3, across = apart ? 2 : 1;
  std::vector<float> in(count * line * across + 200 + length * across), values(places), bias(1), more(count * line + 64), out(count * line, 7);
  for (auto* list : {&in, &values, &bias, &more})
    for (float& x : *list) x = number();
  std::vector<int32_t> index(places + 1);
  for (int k = 0; k < places; ++k) index[k] = drawn() % 200;
  index[places] = 0;
  const Chunk c{places, 1, 0, 0, places};
  const Layer layer{&c, 1, index.data(), values.data(), bias.data(), -0.5f, 2.f};
  Step step = {};
  step.outer = count, step.in_outer = line * across, step.out_outer = step.more_outer = line;
  step.inner = apart ? wide : 1, step.length = apart ? kLanes : length;
  step.in_inner = 2 * kLanes, step.out_inner = step.more_inner = kLanes;
  hold(even(step) == (apart && wide > 1), "whether lines are even, of", wide);
  (apart && wide > 1 ? kEven : kAlong[1])(layer, &c, &c + 1, in.data(), out.data(), more.data(), nullptr, step);
  bool right = true;
  for (int n = 0; n < count; ++n)
    for (int at = 0; at < line; ++at) {
      const int from = n * line * across + at / kLanes * kLanes * across + at % kLanes, to = n * line + at;
      double y = bias[0] + more[to];
      for (int k = 0; k < places; ++k) y += double(values[k]) * (at < length ? in[index[k] + from] : 0.f);
      y = at >= length ? 7 : std::fmin(std::fmax(y, -0.5), 2);
      right = right && std::fabs(out[to] - y) < 1e-4;
    }
  hold(right, apart ? "a chunk along even lines of" : "a chunk along lines of", wide);
}

// Depthwise convolutions of several channels in one chunk, images between numbers that are none.
void images(int wide, int kernel, int left, int width, int across, int channels, bool added) {
  const int height = 6, top = 1, down = across, taps = kernel * kernel, row = width + 5, channel = 9 * row;
  const int lines = (height + 2 * top - kernel) / down + 1, results = (width + 2 * left - kernel) / across + 1;
  std::vector<float> in(kLanes + channels * channel + 200, NAN), out(channels * channel, 7), more(channels * channel + 64);
  std::vector<float> values(taps * kLanes / wide), bias(channels);
  for (auto* list : {&values, &bias, &more})
    for (float& x : *list) x = number();
  for (int c = 0; c < channels; ++c)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) in[kLanes + c * channel + y * row + x] = number();
  std::vector<int32_t> index = {wide, height, width, kernel, top, left, down, across};
  for (int c = 0; c < kLanes / wide; ++c) index.push_back(std::min(c, channels - 1) * channel);
  for (int c = 0; c < channels; ++c) index.push_back(c);
  const Chunk c{taps, channels, 8, 0, 8 + kLanes / wide};
  const Layer layer{&c, 1, index.data(), values.data(), bias.data(), -0.5f, 2.f};
  Step step = {};
  step.outer = lines, step.length = results, step.in_outer = row, step.out_outer = step.more_outer = row;
  step.out_row = step.more_row = channel;
  depthwise(layer, c, step, in.data() + kLanes, out.data(), added ? more.data() : nullptr);
  bool right = true;
  for (int n = 0; n < channels; ++n)
    for (int at = 0; at < channel; ++at) {
      const int y = at / row, x = at % row;
      double sum = bias[n] + (added ? more[n * channel + at] : 0);
      for (int k = 0; k < taps; ++k) {
        const int from_y = y * down + k / kernel - top, from_x = x * across + k % kernel - left;
        if (from_y >= 0 && from_y < height && from_x >= 0 && from_x < width)
          sum += double(values[k * (kLanes / wide) + n]) * in[kLanes + n * channel + from_y * row + from_x];
      }
      sum = y < lines && x < results ? std::fmin(std::fmax(sum, -0.5), 2) : 7;  // elsewhere nothing is written
      right = right && std::fabs(out[n * channel + at] - sum) < 1e-4;
    }
  hold(right, "a depthwise convolution of images as wide as", width);
}

void operations() {
  float from[2 * kLanes], y[kLanes], square[kLanes * kLanes], turned[kLanes * kLanes];
  uint8_t near[kLanes];
  uint16_t far[kLanes];
  for (float& x : from) x = number();
  for (float& x : square) x = number();
  for (int l = 0; l < kLanes; ++l) near[l] = far[l] = drawn() % (2 * kLanes);
  store(y, look_up(from, near));
  for (int l = 0; l < kLanes; ++l) hold(y[l] == from[near[l]], "look_up", l);
  store(y, gather(from, far));
  for (int l = 0; l < kLanes; ++l) hold(y[l] == from[far[l]], "gather", l);
  transpose([&](int n) { return square + n * kLanes; }, [&](int n) { return turned + n * kLanes; });
  for (int n = 0; n < kLanes * kLanes; ++n) hold(turned[n] == square[n % kLanes * kLanes + n / kLanes], "transpose", n);
  Part parts[kWidth], summed;
  for (int n = 0; n < kWidth; ++n) parts[n] = load_part(square + n * kWidth);
  summed = sums(parts);
  for (int n = 0; n < kWidth; ++n) {
    double x = 0;
    for (int l = 0; l < kWidth; ++l) x += square[n * kWidth + l];
    hold(std::fabs(summed[n] - x) < 1e-5, "sums", n);
  }
}

}  // namespace

int main() {
  for (int rows = 1; rows <= kMost; ++rows)
    for (int length : {1, 15, 16, 17, 22, 33, 64, 78, 100, 113, 150})
      for (int places : {0, 1, 3, 10}) {
        chunk(rows, length, places, false);
        if (rows == 1) chunk(rows, length, places, true);
      }
  for (int count : {1, 2, 3, 5, 8, 17})
    for (int wide : {1, 2, 3, 4, 5, 7, 8, 9, 16, 20})
      for (bool apart : {false, true}) lines(count, wide, apart);
  for (int wide : {4, 8, 16})
    for (int kernel : {3, 5})
      for (int width : {2, 3, 4, 7, 8, 11, 16, 19, 35})
        for (int left = 0; left < kernel; ++left)
          for (int channels = 1; channels <= kLanes / wide; ++channels) {
            const int results = width + 2 * left - kernel + 1;
            if (results < 1 || (wide < 16 && std::max(results, width) > wide)) continue;
            images(wide, kernel, left, width, 1, channels, true);
            images(wide, kernel, left, width, 1, channels, false);
            images(wide, kernel, left, width, 2, channels, false);
          }
  operations();
  std::printf("%s: %d wrong\n", kVectors, faults);
  return faults != 0;
}
