#include "worker/probe/peak_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/probe/peak_loops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace paceline::probe {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Twelve chains hide the latency of two units of four cycles and fit in sixteen registers.
double multiply_adds(std::int64_t count) {
  const hn::ScalableTag<float> d;
  // Towards 1 from below: neither grows nor becomes subnormal.
  const auto factor = hn::Set(d, 0.5f);
  const auto addend = hn::Set(d, 0.5f);
  auto a = hn::Set(d, 0.01f), b = hn::Set(d, 0.02f), c = hn::Set(d, 0.03f);
  auto e = hn::Set(d, 0.04f), f = hn::Set(d, 0.05f), g = hn::Set(d, 0.06f);
  auto h = hn::Set(d, 0.07f), i = hn::Set(d, 0.08f), j = hn::Set(d, 0.09f);
  auto k = hn::Set(d, 0.10f), l = hn::Set(d, 0.11f), m = hn::Set(d, 0.12f);
  for (std::int64_t step = 0; step < count; step += 12) {
    a = hn::MulAdd(a, factor, addend);
    b = hn::MulAdd(b, factor, addend);
    c = hn::MulAdd(c, factor, addend);
    e = hn::MulAdd(e, factor, addend);
    f = hn::MulAdd(f, factor, addend);
    g = hn::MulAdd(g, factor, addend);
    h = hn::MulAdd(h, factor, addend);
    i = hn::MulAdd(i, factor, addend);
    j = hn::MulAdd(j, factor, addend);
    k = hn::MulAdd(k, factor, addend);
    l = hn::MulAdd(l, factor, addend);
    m = hn::MulAdd(m, factor, addend);
  }
  const auto sum = hn::Add(
      hn::Add(hn::Add(a, b), hn::Add(c, e)),
      hn::Add(hn::Add(hn::Add(f, g), hn::Add(h, i)), hn::Add(hn::Add(j, k), hn::Add(l, m))));
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

double flops(std::int64_t count) {
  const std::int64_t done = (count + 11) / 12 * 12;
  return 2.0 * static_cast<double>(done) * static_cast<double>(hn::Lanes(hn::ScalableTag<float>()));
}

std::uint64_t read(const std::byte* data, std::size_t bytes) {
  const hn::ScalableTag<std::uint64_t> d;
  const std::size_t step = hn::Lanes(d);
  const auto* words = reinterpret_cast<const std::uint64_t*>(data);
  const std::size_t count = bytes / sizeof(std::uint64_t) / (4 * step) * (4 * step);
  auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  for (std::size_t i = 0; i < count; i += 4 * step) {
    a = hn::Xor(a, hn::Load(d, words + i));
    b = hn::Xor(b, hn::Load(d, words + i + step));
    c = hn::Xor(c, hn::Load(d, words + i + 2 * step));
    e = hn::Xor(e, hn::Load(d, words + i + 3 * step));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

}  // namespace HWY_NAMESPACE
}  // namespace paceline::probe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::probe {

HWY_EXPORT(multiply_adds);
HWY_EXPORT(flops);
HWY_EXPORT(read);

double run_multiply_adds(std::int64_t count) { return HWY_DYNAMIC_DISPATCH(multiply_adds)(count); }
double flops_of_multiply_adds(std::int64_t count) { return HWY_DYNAMIC_DISPATCH(flops)(count); }
std::uint64_t read_bytes(const std::byte* data, std::size_t bytes) {
  return HWY_DYNAMIC_DISPATCH(read)(data, bytes);
}

}  // namespace paceline::probe
#endif
