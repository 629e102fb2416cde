#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/artifact_store.h"
#include "reconciler/source/tar_writer.h"
#include "tests/support/temp_dir.h"

namespace slipway::source {
namespace {

using Type = ArtifactFile::Type;

struct Item {
  std::string path;
  std::string content;
  Type type = Type::Regular;
};

class ArtifactStoreTest : public testing::Test {
 protected:
  std::unique_ptr<ArtifactStore> openStore(const SourceLimits& limits = {}) {
    auto store = std::make_unique<ArtifactStore>(dir_ / "cache", limits, log_);
    EXPECT_TRUE(store->prepare()) << store->prepare().message();
    return store;
  }
  static Result<std::shared_ptr<const Artifact>> put(ArtifactStore& store, const std::vector<Item>& items) {
    auto writer = store.begin();
    if (!writer) {
      return writer.status();
    }
    for (const Item& item : items) {
      SLIPWAY_RETURN_IF_ERROR((*writer)->add(item.path, item.type, item.content));
    }
    return store.commit(std::move(*writer));
  }
  std::string unpackWith(const std::string& program, const Artifact& artifact, const std::vector<std::string>& paths) {
    const std::string tar = dir_ / "a.tar";
    const std::string out = dir_ / ("out-" + std::to_string(++unpacked_));
    std::ofstream file(tar, std::ios::binary);
    EXPECT_TRUE(artifact.writeTar(paths, [&file](std::string_view bytes) { return bool(file << bytes); }));
    file.close();
    std::filesystem::create_directories(out);
    EXPECT_EQ(std::system(cat(program, " -xf ", tar, " -C ", out).c_str()), 0) << program;
    return out;
  }
  std::size_t filesIn(const std::string& folder) const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "cache/" + folder)) {
      count += entry.exists() ? 1 : 0;
    }
    return count;
  }

  TempDir dir_;
  NullLogger log_;
  int unpacked_ = 0;
};

TEST_F(ArtifactStoreTest, GivesTheSameDigestForTheSameContentInAnyOrder) {
  auto store = openStore();
  const auto one = put(*store, {{"a", "1"}, {"b/c", "2", Type::Executable}});
  const auto two = put(*store, {{"b/c", "2", Type::Executable}, {"a", "1"}});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->get(), two->get());
  EXPECT_TRUE((*one)->digest().starts_with("sha256:"));
  EXPECT_EQ((*one)->files()[1].path, "b/c");
  const auto other = put(*store, {{"a", "1"}, {"b/c", "2"}});
  ASSERT_TRUE(other);
  EXPECT_NE((*other)->digest(), (*one)->digest()) << "the executable bit is content";
}

TEST_F(ArtifactStoreTest, KeepsEqualContentOnce) {
  auto store = openStore();
  const std::string big(100'000, 'x');
  const auto artifact = put(*store, {{"a", big}, {"b", "small"}, {"c", big}, {"d", "last"}});
  ASSERT_TRUE(artifact);
  const std::string hex = (*artifact)->digest().substr(7);
  EXPECT_LT(std::filesystem::file_size(dir_ / "cache/packs/" + hex), 110'000U);
  const std::string out = unpackWith("tar", **artifact, {});
  EXPECT_EQ(slipway::readFile(out + "/c"), big);
  EXPECT_EQ(slipway::readFile(out + "/d"), "last");
}

TEST_F(ArtifactStoreTest, WritesTarStreamsThatTarAndBusyBoxUnderstand) {
  auto store = openStore();
  const std::string deep = std::string(120, 'd') + "/" + std::string(120, 'e') + "/" + std::string(150, 'f');
  const std::string split = std::string(90, 's') + "/" + std::string(90, 't');
  const auto artifact = put(*store, {{"bin/run", "#!/bin/sh\n", Type::Executable},
                                     {"empty", ""},
                                     {"link", "bin/run", Type::Symlink},
                                     {"long-link", split, Type::Symlink},
                                     {deep, "deep"},
                                     {split, "split"},
                                     {"näme with space", "n"}});
  ASSERT_TRUE(artifact) << artifact.status().message();
  std::vector<std::string> programs{"tar"};
  if (std::system("busybox tar --help >/dev/null 2>&1") == 0) {
    programs.emplace_back("busybox tar");
  }
  for (const std::string& program : programs) {
    const std::string out = unpackWith(program, **artifact, {});
    EXPECT_EQ(slipway::readFile(cat(out, "/", deep)), "deep") << program;
    EXPECT_EQ(slipway::readFile(cat(out, "/", split)), "split") << program;
    EXPECT_EQ(slipway::readFile(out + "/näme with space"), "n") << program;
    EXPECT_EQ(std::filesystem::read_symlink(out + "/link"), "bin/run") << program;
    EXPECT_EQ(std::filesystem::read_symlink(out + "/long-link"), split) << program;
    const auto mode = std::filesystem::status(out + "/bin/run").permissions();
    EXPECT_NE(mode & std::filesystem::perms::owner_exec, std::filesystem::perms::none) << program;
  }
}

TEST_F(ArtifactStoreTest, StreamsOnlyTheNamedFilesAndTheSameBytesEachTime) {
  auto store = openStore();
  const auto artifact = put(*store, {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  ASSERT_TRUE(artifact);
  std::string first;
  std::string second;
  ASSERT_TRUE((*artifact)->writeTar({"c", "a"}, [&first](std::string_view bytes) {
    first += bytes;
    return true;
  }));
  ASSERT_TRUE((*artifact)->writeTar({"a", "c"}, [&second](std::string_view bytes) {
    second += bytes;
    return true;
  }));
  EXPECT_EQ(first, second);
  EXPECT_EQ(first.size(), 512U * 6);
  const std::string out = unpackWith("tar", **artifact, {"c", "a"});
  EXPECT_FALSE(std::filesystem::exists(out + "/b"));
  const auto sink = [](std::string_view) { return true; };
  EXPECT_EQ((*artifact)->writeTar({"nope"}, sink).code(), Code::NotFound);
  EXPECT_EQ((*artifact)->writeTar({}, [](std::string_view) { return false; }).code(), Code::Cancelled);
}

TEST_F(ArtifactStoreTest, SurvivesARestartAndRemovesWhatACrashLeft) {
  std::string digest;
  {
    auto store = openStore();
    digest = (*put(*store, {{"a", "1"}}))->digest();
    ASSERT_TRUE(store->remember("key", digest));
  }
  slipway::writeFile(dir_ / "cache/temporary/pack.abc", "half");
  slipway::writeFile(dir_ / "cache/packs/" + std::string(64, 'a'), "a pack without a list");
  auto store = openStore();
  EXPECT_EQ(store->find("key"), digest);
  EXPECT_TRUE(store->open(digest));
  EXPECT_EQ(filesIn("temporary"), 0U);
  EXPECT_EQ(filesIn("packs"), 1U);
}

TEST_F(ArtifactStoreTest, RefusesADamagedArtifactAndForgetsIt) {
  std::string digest;
  {
    auto store = openStore();
    digest = (*put(*store, {{"a", "content"}}))->digest();
  }
  slipway::writeFile(dir_ / "cache/packs/" + digest.substr(7), "Content");
  auto store = openStore();
  EXPECT_EQ(store->open(digest).code(), Code::NotFound);
  EXPECT_EQ(filesIn("artifacts"), 0U);
  EXPECT_TRUE(put(*store, {{"a", "content"}})) << "it can be stored again";
}

TEST_F(ArtifactStoreTest, EvictsTheLeastRecentlyUsedThatNobodyHolds) {
  SourceLimits limits;
  limits.cacheArtifacts = 2;
  auto store = openStore(limits);
  auto held = put(*store, {{"a", "1"}});
  const std::string idle = (*put(*store, {{"a", "2"}}))->digest();
  const std::string last = (*put(*store, {{"a", "3"}}))->digest();
  EXPECT_EQ(store->open(idle).code(), Code::NotFound);
  EXPECT_TRUE(store->open(last));
  EXPECT_TRUE(store->open((*held)->digest()));
}

TEST_F(ArtifactStoreTest, HasOneUserAtATime) {
  auto store = openStore();
  ArtifactStore second(dir_ / "cache", {}, log_);
  EXPECT_EQ(second.prepare().code(), Code::Unavailable);
}

TEST_F(ArtifactStoreTest, RefusesNamesAndLinksThatLeaveTheTree) {
  auto store = openStore();
  const std::vector<std::vector<Item>> bad = {
      {{"../x", "1"}},
      {{"a/../b", "1"}},
      {{"/abs", "1"}},
      {{".git/config", "1"}},
      {{"sub/.GIT/config", "1"}},
      {{"new\nline", "1"}},
      {{"abs", "/etc/passwd", Type::Symlink}},
      {{"up", "../x", Type::Symlink}},
      {{"a/up", "../../x", Type::Symlink}},
      // Lexically "d/etc", but the kernel goes to the parent of where d/root leads.
      {{"d/root", "..", Type::Symlink}, {"sly", "d/root/../etc", Type::Symlink}, {"d/f", "1"}},
      {{"a", "1"}, {"a/b", "2"}},
      {{"a", "1"}, {"a", "2"}},
      {},
  };
  for (const auto& items : bad) {
    const auto result = put(*store, items);
    EXPECT_EQ(result.code(), Code::Invalid) << (items.empty() ? "empty" : items[0].path) << result.status().message();
  }
  EXPECT_TRUE(put(*store, {{"a/link", "../b", Type::Symlink}, {"b", "1"}, {"dangling", "no/where", Type::Symlink}}));
}

TEST_F(ArtifactStoreTest, NamesTheLimitThatASourceExceeds) {
  SourceLimits limits;
  limits.files = 2;
  limits.artifactBytes = 10;
  limits.fileBytes = 8;
  auto store = openStore(limits);
  EXPECT_NE(put(*store, {{"a", ""}, {"b", ""}, {"c", ""}}).status().message().find("more than 2 files"),
            std::string::npos);
  EXPECT_NE(put(*store, {{"a", "123456"}, {"b", "123456"}}).status().message().find("more than 10 bytes"),
            std::string::npos);
  EXPECT_NE(put(*store, {{"big", "123456789"}}).status().message().find("big: larger than 8"), std::string::npos);
}

}  // namespace
}  // namespace slipway::source
