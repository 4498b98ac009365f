#include "worker/execute/packed_cache.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "common/base/file.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "tests/support/scratch.h"
#include "worker/compile/compile.h"
#include "worker/execute/pages.h"
#include "worker/execute/session.h"
#include "worker/execute/weight_files.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;
using paceline::testing::Scratch;
using ::testing::IsNull;
using ::testing::NotNull;

Digest digest(std::string_view name) { return Hasher("test").add(name).finish(); }

PreparedTensors::Bytes bytes_of(std::int64_t count, int seed) {
  auto bytes = std::make_shared<AlignedBytes>(count);
  for (std::int64_t i = 0; i < count; ++i) {
    bytes->data()[i] = static_cast<std::byte>(i * 7 + i / 256 + seed);
  }
  return bytes;
}

bool are_equal(const AlignedBytes& a, const AlignedBytes& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

void keep(PackedCache& cache, const Digest& what, const PreparedTensors::Bytes& bytes) {
  cache.put({{what, bytes}});
  cache.wait();
}

TEST(PackedCache, GivesBackWhatWasPutAlignedAndMapped) {
  const Scratch scratch;
  const auto bytes = bytes_of(5003, 1);
  {
    PackedCache cache(scratch / "packed");
    EXPECT_THAT(cache.find(digest("a"), 5003), IsNull());
    keep(cache, digest("a"), bytes);
  }
  const PackedCache cache(scratch / "packed");
  const auto found = cache.find(digest("a"), 5003);
  ASSERT_THAT(found, NotNull());
  EXPECT_TRUE(are_equal(*found, *bytes));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found->data()) % 64, 0);
  EXPECT_THAT(cache.find(digest("b"), 5003), IsNull());
  EXPECT_THAT(cache.find(digest("a"), 5002), IsNull());
}

void write_at(const fs::path& path, std::int64_t at, char value) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.put(value);
}

TEST(PackedCache, IgnoresDamagedAndForeignFilesAndReplacesThem) {
  const Scratch scratch;
  PackedCache cache(scratch / "packed");
  const auto bytes = bytes_of(3000, 2);
  const fs::path path = cache.path_of(digest("a"));
  const std::function<void()> damages[] = {[&] { write_at(path, 4096, 'x'); },
                                           [&] { write_at(path, 4096 + 2999, 'x'); },
                                           [&] { write_at(path, 0, 'x'); },
                                           [&] { fs::resize_file(path, 4096 + 2999); },
                                           [&] { fs::resize_file(path, 10); },
                                           [&] { fs::resize_file(path, 0); },
                                           [&] { std::ofstream(path) << "no packed weight"; },
                                           [&] {
                                             keep(cache, digest("b"), bytes);
                                             fs::copy_file(cache.path_of(digest("b")), path,
                                                           fs::copy_options::overwrite_existing);
                                           }};
  for (const auto& damage : damages) {
    keep(cache, digest("a"), bytes);
    ASSERT_THAT(cache.find(digest("a"), 3000), NotNull());
    damage();
    EXPECT_THAT(cache.find(digest("a"), 3000), IsNull());
  }
}

TEST(PackedCache, LetsGoOfWhatWasNotUsedForLongest) {
  const Scratch scratch;
  PackedCache cache(scratch / "packed", 3 * (4096 + 1000));
  for (const char* name : {"a", "b", "c"}) {
    keep(cache, digest(name), bytes_of(1000, 3));
    const auto long_ago = fs::file_time_type::clock::now() - std::chrono::minutes('d' - *name);
    fs::last_write_time(cache.path_of(digest(name)), long_ago);
  }
  PackedCache next(scratch / "packed", 3 * (4096 + 1000));
  ASSERT_THAT(next.find(digest("a"), 1000), NotNull());  // Used now.
  keep(next, digest("d"), bytes_of(1000, 3));
  EXPECT_THAT(next.find(digest("b"), 1000), IsNull());
  for (const char* name : {"a", "c", "d"}) {
    EXPECT_THAT(next.find(digest(name), 1000), NotNull()) << name;
  }
}

TEST(PackedCache, KeepsOfALargeModelWhatFitsAndWritesItOnce) {
  const Scratch scratch;
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const auto load = [&] {  // As every start of the model does.
    PackedCache cache(scratch / "packed", 2 * (4096 + 1000));
    std::vector<PackedCache::Entry> lacking;
    for (const std::string& name : names) {
      if (cache.find(digest(name), 1000)) continue;
      lacking.push_back({digest(name), bytes_of(1000, 3)});
    }
    cache.put(lacking);
    cache.wait();
    return lacking.size();
  };
  EXPECT_EQ(load(), 4);
  EXPECT_EQ(load(), 2);
  EXPECT_EQ(load(), 2);
  const PackedCache cache(scratch / "packed");
  EXPECT_THAT(cache.find(digest("a"), 1000), NotNull());
  EXPECT_THAT(cache.find(digest("b"), 1000), NotNull());
  EXPECT_FALSE(fs::exists(cache.path_of(digest("c"))));
}

TEST(PackedCache, WritesAllThatWasPutOneAfterTheOther) {
  const Scratch scratch;
  PackedCache cache(scratch / "packed");
  for (int i = 0; i < 20; ++i) {
    cache.put({{digest(std::to_string(i)), bytes_of(1000 + i, i)}});
    if (i == 10) cache.wait();
  }
  cache.wait();
  for (int i = 0; i < 20; ++i) {
    const auto found = cache.find(digest(std::to_string(i)), 1000 + i);
    ASSERT_THAT(found, NotNull()) << i;
    EXPECT_TRUE(are_equal(*found, *bytes_of(1000 + i, i))) << i;
  }
}

TEST(PackedCache, WritesWhatItHoldsOnceReleasedAwaitedOrAtItsEnd) {
  const Scratch scratch;
  const auto is_written = [&](const char* name) {
    return PackedCache(scratch / "packed").find(digest(name), 1000) != nullptr;
  };
  PackedCache cache(scratch / "packed");
  cache.hold();
  cache.put({{digest("a"), bytes_of(1000, 1)}});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(is_written("a"));
  cache.release();
  cache.put({{digest("b"), bytes_of(1000, 2)}});
  cache.wait();
  EXPECT_TRUE(is_written("a"));
  EXPECT_TRUE(is_written("b"));
  cache.hold();
  cache.put({{digest("c"), bytes_of(1000, 3)}});
  cache.wait();
  EXPECT_TRUE(is_written("c"));
  {
    PackedCache ended(scratch / "packed");
    ended.hold();
    ended.put({{digest("d"), bytes_of(1000, 4)}});
  }
  EXPECT_TRUE(is_written("d"));
}

TEST(PackedCache, FindsManyAtOnceAndNamesWhatLacks) {
  const Scratch scratch;
  PackedCache cache(scratch / "packed");
  std::vector<PackedCache::Wanted> wanted;
  for (int i = 0; i < 30; ++i) {
    const std::int64_t bytes = 100'000 * i;
    wanted.push_back({digest(std::to_string(i)), bytes});
    if (i % 3 != 0) keep(cache, wanted.back().what, bytes_of(bytes, i));
  }
  write_at(cache.path_of(wanted[28].what), 4096 + 27'000, 'x');
  write_at(cache.path_of(wanted[28].what), 4096 + 27'001, 'x');
  const PackedCache next(scratch / "packed");
  const auto found = next.find(wanted, 2);
  ASSERT_EQ(found.size(), wanted.size());
  for (int i = 0; i < 30; ++i) {
    if (i % 3 == 0 || i == 28) {
      EXPECT_THAT(found[i], IsNull()) << i;
    } else {
      ASSERT_THAT(found[i], NotNull()) << i;
      EXPECT_TRUE(are_equal(*found[i], *bytes_of(100'000 * i, i))) << i;
    }
  }
  EXPECT_TRUE(next.find({}, 2).empty());
}

TEST(PackedCache, ChecksEveryPieceOfALargeFile) {
  const Scratch scratch;
  PackedCache cache(scratch / "packed");
  const std::int64_t count = (9 << 20) + 17;  // Two whole pieces and a part.
  const auto bytes = bytes_of(count, 5);
  const fs::path path = cache.path_of(digest("a"));
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{4} << 20, (std::int64_t{8} << 20) - 1,
                                std::int64_t{9} << 20, count - 1}) {
    keep(cache, digest("a"), bytes);
    const auto found = cache.find(digest("a"), count);
    ASSERT_THAT(found, NotNull());
    EXPECT_TRUE(are_equal(*found, *bytes));
    write_at(path, 4096 + at, static_cast<char>(~static_cast<char>(bytes->data()[at])));
    EXPECT_THAT(PackedCache(scratch / "packed").find(digest("a"), count), IsNull()) << at;
  }
}

// What a killed program leaves is under another name, whatever its length.
TEST(PackedCache, TakesNothingHalfWritten) {
  const Scratch scratch;
  PackedCache cache(scratch / "packed");
  keep(cache, digest("a"), bytes_of(3000, 2));
  const fs::path path = cache.path_of(digest("a"));
  fs::rename(path, path.string() + "." + Digest::random().to_string());
  EXPECT_THAT(cache.find(digest("a"), 3000), IsNull());
}

TEST(PackedCache, KeepsNothingWhereItCannotWrite) {
  const Scratch scratch;
  std::ofstream(scratch / "file") << "no folder";
  PackedCache cache(scratch / "file");
  keep(cache, digest("a"), bytes_of(100, 4));
  EXPECT_THAT(cache.find(digest("a"), 100), IsNull());
}

int neg_count = 0;

const std::vector<Kernel>& counting_kernels() {
  static const std::vector<Kernel> all = [] {
    std::vector<Kernel> kernels = kernels::all_kernels();
    for (Kernel& kernel : kernels) {
      if (kernel.info.op != "neg") continue;
      kernel.prepare = nullptr;
      kernel.bind = nullptr;
      kernel.run = [](const Call& call) {
        ++neg_count;
        const float* in = call.inputs[0].as<float>();
        float* out = call.outputs[0].as<float>();
        for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) out[i] = -in[i];
      };
    }
    return kernels;
  }();
  return all;
}

// y = x - w, with -w prepared; the last element of the result.
float run_shifted(const std::shared_ptr<PackedCache>& cache, const Tensor& weight,
                  PreparedAccount* account = nullptr) {
  const Graph graph = parse_graph(
      "graph \"g\" { weight w: f32[20000] input x: f32[20000] n = neg(w) y = add(x, n) "
      "output z = y }",
      ops::all_ops());
  const Plan plan = compile(test::plain_path(graph, ops::all_ops(), counting_kernels()),
                            ops::all_ops(), counting_kernels(), {}, {});
  Session session(plan, ops::all_ops(), counting_kernels(), {{"w", weight}}, {.packed = cache});
  session.bind({});
  session.set_input("x", Tensor(Dtype::f32, {20000}));
  session.run();
  cache->wait();
  if (account != nullptr) *account = session.prepared();
  return session.output("z").as<float>()[19999];
}

Tensor filled(float value) { return Tensor::of<float>({20000}, std::vector<float>(20000, value)); }

TEST(PackedCache, SparesTheNextProgramThePrologue) {
  const Scratch scratch;
  neg_count = 0;
  EXPECT_EQ(run_shifted(std::make_shared<PackedCache>(scratch / "packed"), filled(3)), -3);
  EXPECT_EQ(neg_count, 1);
  EXPECT_EQ(run_shifted(std::make_shared<PackedCache>(scratch / "packed"), filled(3)), -3);
  EXPECT_EQ(neg_count, 1);
  EXPECT_EQ(run_shifted(std::make_shared<PackedCache>(scratch / "packed"), filled(4)), -4);
  EXPECT_EQ(neg_count, 2);
}

TEST(PackedCache, IsToldApartFromWhatWasComputed) {
  const Scratch scratch;
  PreparedAccount first, second;
  run_shifted(std::make_shared<PackedCache>(scratch / "packed"), filled(3), &first);
  run_shifted(std::make_shared<PackedCache>(scratch / "packed"), filled(3), &second);
  EXPECT_EQ(first.computed.buffers, 1);
  EXPECT_EQ(first.computed.bytes, 20000 * 4);
  EXPECT_EQ(first.cached.buffers, 0);
  EXPECT_EQ(second.computed.buffers, 0);
  EXPECT_EQ(second.cached.buffers, 1);
  EXPECT_EQ(second.cached.bytes, 20000 * 4);
}

Tensor mapped(const fs::path& path) {
  const auto file = MappedFile::open(path);
  return {Dtype::f32, {20000}, file, file->bytes().data()};
}

void write_floats(const fs::path& path, float value) {
  const std::vector<float> elements(20000, value);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(elements.data()), 20000 * sizeof(float));
}

TEST(PackedCache, KnowsAWeightByItsFileAndNoticesWhenThatChanges) {
  const Scratch scratch;
  const auto cache = std::make_shared<PackedCache>(scratch / "packed");
  neg_count = 0;
  write_floats(scratch / "w", 5);
  EXPECT_EQ(run_shifted(cache, mapped(scratch / "w")), -5);
  EXPECT_EQ(run_shifted(cache, mapped(scratch / "w")), -5);
  EXPECT_EQ(neg_count, 1);
  write_floats(scratch / "other", 6);
  fs::rename(scratch / "other", scratch / "w");
  EXPECT_EQ(run_shifted(cache, mapped(scratch / "w")), -6);
  EXPECT_EQ(neg_count, 2);
}

TEST(WeightFiles, NameBytesOfMappedFilesAlone) {
  const Scratch scratch;
  write_floats(scratch / "w", 1);
  const auto one = MappedFile::open(scratch / "w"), two = MappedFile::open(scratch / "w");
  const WeightFiles files;
  const auto whole = files.identity(one->bytes());
  EXPECT_TRUE(whole);
  EXPECT_EQ(whole, files.identity(two->bytes()));
  EXPECT_NE(whole, files.identity(one->bytes().subspan(4)));
  EXPECT_NE(files.identity(one->bytes().first(8)), files.identity(one->bytes().subspan(8, 8)));
  const std::vector<std::byte> own(100);
  EXPECT_EQ(files.identity(own), std::nullopt);
}

TEST(WeightFiles, NameBytesOfAMappingThatAdviceParted) {
  const Scratch scratch;
  write_file_atomically(scratch / "w", std::string(1 << 20, '\7'));
  const auto file = MappedFile::open(scratch / "w");
  const auto whole = file->bytes(), part = whole.subspan(100'000, 200'000);
  const auto name = WeightFiles().identity(whole), name_of_part = WeightFiles().identity(part);
  ASSERT_TRUE(name && name_of_part);
  FileMappings().forget_for_few(part);
  EXPECT_EQ(WeightFiles().identity(whole), name);
  EXPECT_EQ(WeightFiles().identity(part), name_of_part);
  EXPECT_EQ(part[99'999], std::byte{7});
  FileMappings().read(whole);  // Which is in one mapping for it, too.
  EXPECT_EQ(WeightFiles().identity(whole), name);
}

TEST(WeightFiles, TellAFileFromOneThatWasCopiedOverItWithItsTime) {
  const Scratch scratch;
  write_floats(scratch / "w", 1);
  const auto file = MappedFile::open(scratch / "w");
  const auto time = fs::last_write_time(scratch / "w");
  const auto before = WeightFiles().identity(file->bytes());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // A tick of the file system's clock.
  write_floats(scratch / "w", 2);
  fs::last_write_time(scratch / "w", time);
  EXPECT_NE(WeightFiles().identity(file->bytes()), before);
}

TEST(WeightFiles, DoNotNameAFileThatWasReplaced) {
  const Scratch scratch;
  write_floats(scratch / "w", 1);
  const auto file = MappedFile::open(scratch / "w");
  write_floats(scratch / "other", 1);
  fs::rename(scratch / "other", scratch / "w");
  EXPECT_EQ(WeightFiles().identity(file->bytes()), std::nullopt);
}

}  // namespace
}  // namespace paceline
