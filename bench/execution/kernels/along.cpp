// Chunks along runs, for every number of rows: a file of its own, which needs nothing of PyTorch and is compiled once.

#include <array>
#include <utility>

#include "runs.h"

namespace seesaw {
namespace {

// Sums of one result that are added up apart, so that one addition does not wait for the one before: about 8 registers of them.
constexpr int apart(int vectors) { return std::clamp(8 / (vectors * kParts), 1, 4); }

constexpr int kAhead = 256;  // how far values and places are fetched ahead: the processor itself stops at the end of a page

// Chunks of R rows at V vectors, N of each line; their places are numbers of the type Place. Inputs of a line's vectors lie A vectors
// apart.
template <int R, int V, class Place, int A, int N = V>
void tile(const Layer& layer, const Chunk* chunk, const Chunk* end, const float* in, float* out, const float* more,
          const int32_t* mask, const Step& step, int64_t lanes) {
  constexpr int U = apart(R * V);
  constexpr auto along_line = [](int v) { return v % N * kLanes; };
  for (; chunk < end; ++chunk) {
    const Chunk c = *chunk;
    const Place* place = reinterpret_cast<const Place*>(layer.index + c.place);
    const float* value = layer.values + c.value;
    const int32_t* row = layer.index + c.row;
    Vec sum[U][R][V] = {};
    SEESAW_UNROLL
    for (int r = 0; r < R; ++r)
      SEESAW_UNROLL
      for (int v = 0; v < V; ++v) sum[0][r][v] = all(layer.bias[row[r]]);
    auto add = [&](int64_t k, int u) {
      const float* at = in + place[k] * layer.stride;
      const float* own = value + k * R;
      Vec x[V];
      SEESAW_UNROLL
      for (int v = 0; v < V; ++v) x[v] = load(at + v / N * step.in_outer + A * along_line(v));
      SEESAW_UNROLL
      for (int r = 0; r < R; ++r)
        SEESAW_UNROLL
        for (int v = 0; v < V; ++v) sum[u][r][v] += own[r] * x[v];
    };
    int64_t k = 0;
    for (; k + U <= c.places; k += U) {
      if constexpr (R == 1 && U > 1) {  // short runs: of many weights, each read for few products
        __builtin_prefetch(value + k + kAhead);
        __builtin_prefetch(place + k + kAhead);
      }
      SEESAW_UNROLL
      for (int u = 0; u < U; ++u) add(k + u, u);
    }
    for (; U > 1 && k < c.places; ++k) add(k, 0);
    for (int u = 1; u < U; ++u)
      SEESAW_UNROLL
      for (int r = 0; r < R; ++r)
        SEESAW_UNROLL
        for (int v = 0; v < V; ++v) sum[0][r][v] += sum[u][r][v];
    SEESAW_UNROLL
    for (int r = 0; r < R; ++r)
      SEESAW_UNROLL
      for (int v = 0; v < V; ++v) {
        Vec& y = sum[0][r][v];
        if (more) y += load(more + row[r] * step.more_row + v / N * step.more_outer + along_line(v));
        y = clamp(y, layer.low, layer.high);
        if (mask) y = masked(y, mask + v * kLanes);
        float* to = out + row[r] * step.out_row + v / N * step.out_outer + along_line(v);
        if (N < V || lanes >= (v + 1) * kLanes)
          store(to, y);
        else
          std::memcpy(to, &y, 4 * (lanes - v * kLanes));
      }
  }
}

// How many vectors of a run R rows compute at once: their sums stay in registers. With few registers, or for one row of whole
// registers, an input is read from memory as it is multiplied, else it stays in one too.
constexpr int vectors(int rows) {
  int inputs = kRegisters > 16 && rows * kParts > 1 ? kParts : 0;
  return std::clamp((kRegisters - 4) / (rows * kParts + inputs), 1, 16);
}

using Tile = decltype(&tile<1, 1, int32_t, 1>);

template <int R, class Place, int A, int... V>
constexpr std::array<Tile, sizeof...(V)> tiles_of(std::integer_sequence<int, V...>) {
  return {tile<R, V + 1, Place, A>...};
}

// Tiles of one row over as many short lines as there are registers for, by the number of a line's vectors, from 1.
constexpr int kShort = vectors(1) / 2;
constexpr int lines(int wide) { return vectors(1) / wide; }

template <class Place, int A, int... N>
constexpr std::array<Tile, sizeof...(N)> lines_of(std::integer_sequence<int, N...>) {
  return {tile<1, lines(N + 1) * (N + 1), Place, A, N + 1>...};
}

// One chunk along its runs, in as few tiles as registers allow, all nearly as long: the rest alone would wait for its own sums. Where
// vectors of inputs lie apart (A > 1), the runs of a line, of one vector each, are one run.
template <int R, class Place, int A>
struct Tiled {
  static constexpr int V = vectors(R);
  static constexpr auto kTiles = tiles_of<R, Place, A>(std::make_integer_sequence<int, V>());  // by the number of vectors, from 1

  const Layer& layer;
  const Step& step;
  const int32_t* mask;
  int64_t runs = A > 1 ? 1 : step.inner, length = A > 1 ? step.inner * kLanes : step.length;
  int64_t wide = (length + kLanes - 1) / kLanes, tiles = (wide + V - 1) / V;

  void chunk(const Chunk* c, const float* in, float* out, const float* more) const {
    int64_t line = 0;
    if constexpr (R == 1) {
      static constexpr auto kLines = lines_of<Place, A>(std::make_integer_sequence<int, kShort>());
      if (wide > 0 && wide <= kShort && length == wide * kLanes && runs == 1 && !mask)
        for (; line + lines(wide) <= step.outer; line += lines(wide))
          kLines[wide - 1](layer, c, c + 1, in + line * step.in_outer, out + line * step.out_outer,
                           more ? more + line * step.more_outer : nullptr, nullptr, step, 0);
    }
    for (; line < step.outer; ++line)
      for (int64_t run = 0; run < runs; ++run)
        this->run(c, in + line * step.in_outer + run * step.in_inner, out + line * step.out_outer + run * step.out_inner,
                  more ? more + line * step.more_outer + run * step.more_inner : nullptr);
  }

  void run(const Chunk* c, const float* in, float* out, const float* more) const {
    for (int64_t left = tiles, rest = wide, at = 0; left; --left) {
      const int64_t some = left > 1 ? rest / left : rest;
      kTiles[some - 1](layer, c, c + 1, in + A * at, out + at, more ? more + at : nullptr, mask ? mask + at : nullptr, step,
                       length - at);
      at += some * kLanes;
      rest -= some;
    }
  }
};

// Chunks along runs: of one run in one tile, all in one call.
template <int R, class Place = int32_t, int A = 1>
void along(const Layer& layer, const Chunk* c, const Chunk* end, const float* in, float* out, const float* more,
           const int32_t* mask, const Step& step) {
  const Tiled<R, Place, A> tiled{layer, step, mask};
  if (tiled.runs == 1 && step.outer == 1 && tiled.tiles == 1)
    return tiled.kTiles[tiled.wide - 1](layer, c, end, in, out, more, mask, step, tiled.length);
  for (; c < end; ++c) tiled.chunk(c, in, out, more);
}

}  // namespace

const Along kAlong[kMost + 1] = {nullptr,   along<1>,  along<2>,  along<3>,  along<4>,  along<5>,
                                 along<6>,  along<7>,  along<8>,  along<9>,  along<10>, along<11>,
                                 along<12>, along<13>, along<14>, along<15>, along<16>};

const Along kNarrow = along<1, uint16_t>;
const Along kEven = along<1, int32_t, 2>;

}  // namespace seesaw
