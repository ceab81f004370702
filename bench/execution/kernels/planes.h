// The places of a convolution's images while it is computed.
//
// A block of images lies in planes, one for every channel and phase of the stride, so that strides become 1 and every
// weight reads one run of a plane. Zeros stand to the left of every row and above every image: past an edge lie the
// zeros of the next row or image. Results that belong to no pixel are computed and left out; their gradient is zero.

#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trained.h"

namespace seesaw {

constexpr int64_t kBlock = 1 << 17;  // floats of a block, about: it stays in the cache of a core

// One direction of a convolution: down or across.
struct Axis {
  int64_t size, kernel, stride, padding, dilation;
  int64_t out;                  // results
  int64_t lines;                // of a plane's image
  std::vector<int64_t> phases;  // of the stride that the kernel reads

  Axis(int64_t size, const int64_t* geometry)
      : size(size), kernel(geometry[0]), stride(geometry[2]), padding(geometry[4]), dilation(geometry[6]) {
    TORCH_CHECK(kernel > 0 && stride > 0 && padding >= 0 && dilation > 0, "geometry: it makes no convolution");
    int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
    TORCH_CHECK(room >= 0, "x: its images are smaller than the kernel");
    out = room / stride + 1;
    lines = std::max((size + padding + stride - 1) / stride, out);
    for (int64_t tap = 0; tap < kernel; ++tap)
      if (which(tap) == phases.size()) phases.push_back(tap * dilation % stride);
  }

  size_t which(int64_t tap) const {
    return std::find(phases.begin(), phases.end(), tap * dilation % stride) - phases.begin();
  }
  int64_t shift(int64_t tap) const { return tap * dilation / stride; }
  // The first line of a phase that is within the image, and the pixel that it is.
  int64_t first(size_t phase) const { return std::max<int64_t>(0, (padding - phases[phase] + stride - 1) / stride); }
  int64_t pixel(size_t phase, int64_t line) const { return line * stride + phases[phase] - padding; }
};

struct Planes {
  int64_t channels;
  Axis down, across;
  int64_t image;   // floats of an image in a plane
  int64_t images;  // in a block
  int64_t plane;   // floats from one plane to the next
  std::vector<int32_t> starts;  // of every channel's first plane

  Planes(const at::Tensor& x, at::IntArrayRef geometry)
      : channels(x.size(1)), down(x.size(2), checked(geometry)), across(x.size(3), checked(geometry) + 1) {
    image = down.lines * across.lines;
    images = std::max<int64_t>(1, std::min(x.size(0), kBlock / std::max<int64_t>(1, channels * phases() * image)));
    plane = whole(line() + down.shift(down.kernel - 1) * across.lines + across.shift(across.kernel - 1)) + kLanes;
    TORCH_CHECK(total() < (int64_t(1) << 31), "x: its images are too large");
    for (int64_t channel = 0; channel < channels; ++channel) starts.push_back(channel * phases() * plane);
  }

  static const int64_t* checked(at::IntArrayRef geometry) {
    TORCH_CHECK(geometry.size() == 8, "geometry: kernel, stride, padding and dilation, two numbers each");
    return geometry.data();
  }

  int64_t phases() const { return down.phases.size() * across.phases.size(); }
  int64_t length(int64_t count) const { return whole(count * image); }
  int64_t line() const { return length(images); }
  int64_t total() const { return channels * phases() * plane + 8 * kLanes; }
  int64_t phase(size_t y, size_t x) const { return (y * across.phases.size() + x) * plane; }

  // The place where a run of a column (channel, tap) begins.
  int32_t place(int64_t column) const {
    int64_t x = column % across.kernel, y = column / across.kernel % down.kernel;
    return starts[column / across.kernel / down.kernel] + phase(down.which(y), across.which(x)) +
           down.shift(y) * across.lines + across.shift(x);
  }

  // Calls some(from, count, apart, to) for every row of every phase of these images: the beginning of its pixels in x,
  // their number and distance, and their place.
  template <class Some>
  void rows(int64_t first, int64_t count, Some some) const {
    for (size_t y = 0; y < down.phases.size(); ++y)
      for (size_t x = 0; x < across.phases.size(); ++x) {
        int64_t left = across.first(x), from = across.pixel(x, left);
        if (from >= across.size) continue;
        int64_t pixels = (across.size - from + across.stride - 1) / across.stride;
        for (int64_t n = 0; n < count; ++n)
          for (int64_t row = down.first(y); row < down.lines && down.pixel(y, row) < down.size; ++row)
            some((((first + n) * down.size + down.pixel(y, row)) * across.size + from) * channels, pixels,
                 across.stride * channels, phase(y, x) + n * image + row * across.lines + left);
      }
  }

  void in(const float* x, int64_t first, int64_t count, float* room) const {
    rows(first, count, [&](int64_t from, int64_t pixels, int64_t apart, int64_t to) {
      spread(x + from, pixels, apart, pixels, starts.data(), room + to, 0, channels);
    });
  }

  void out(const float* room, int64_t first, int64_t count, float* x) const {
    rows(first, count, [&](int64_t from, int64_t pixels, int64_t apart, int64_t to) {
      collect(room + to, starts.data(), pixels, pixels, apart, x + from, 0, channels);
    });
  }

  // Calls some(result, place) for every row of the results of these images.
  template <class Some>
  void results(int64_t first, int64_t count, Some some) const {
    for (int64_t n = 0; n < count; ++n)
      for (int64_t row = 0; row < down.out; ++row)
        some(((first + n) * down.out + row) * across.out, n * image + row * across.lines);
  }

  // Calls some(first, count) for every block of a batch, in as many threads as there are.
  template <class Begin>
  void blocks(int64_t batch, Begin begin) const {
    at::parallel_for(0, (batch + images - 1) / images, 1, [&](int64_t from, int64_t to) {
      auto some = begin();
      for (int64_t n = from * images; n < std::min(to * images, batch); n += images)
        some(n, std::min(images, batch - n));
    });
  }
};

}  // namespace seesaw
