#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reconciler/base/system.h"
#include "reconciler/source/artifact_source.h"
#include "reconciler/source/directory_walk.h"
#include "tests/support/temp_dir.h"

namespace slipway::source {
namespace {

class DirectorySourceTest : public testing::Test {
 protected:
  DirectorySourceTest() { std::filesystem::create_directories(dir_ / "app"); }

  std::unique_ptr<ArtifactSource> newSource(std::vector<std::string> roots = {}) {
    ArtifactSourceOptions options{dir_ / "cache", *clock_, log_};
    options.directoryRoots = std::move(roots);
    return newArtifactSource(options);
  }
  SourceSpec spec(std::vector<std::string> exclude = {}) {
    return {.directory = DirectorySource{dir_ / "app", std::move(exclude)}};
  }
  void put(const std::string& path, const std::string& content) {
    const std::string full = dir_ / "app/" + path;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    slipway::writeFile(full, content);
  }
  std::vector<std::string> names(const SourceSpec& source) {
    auto reader = newSource();
    const auto revision = reader->resolve(source, {});
    EXPECT_TRUE(revision) << revision.status().message();
    const auto artifact = reader->fetch(source, {}, *revision);
    EXPECT_TRUE(artifact) << artifact.status().message();
    std::vector<std::string> out;
    for (const ArtifactFile& file : (*artifact)->files()) {
      out.push_back(file.path);
    }
    return out;
  }

  TempDir dir_;
  NullLogger log_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
};

TEST_F(DirectorySourceTest, LeavesOutGitAndWhatIsExcluded) {
  put("index.html", "x");
  put(".git/HEAD", "x");
  put("vendor/lib/.git/HEAD", "x");
  put("vendor/lib/a.c", "x");
  put("node_modules/m/i.js", "x");
  put("logs/today.log", "x");
  put("src/logs/x.txt", "x");
  EXPECT_EQ(names(spec({"node_modules", "*.log", "src/l*"})),
            (std::vector<std::string>{"index.html", "vendor/lib/a.c"}));
}

TEST_F(DirectorySourceTest, ResolvesToTheDigestOfTheContent) {
  put("a", "1");
  auto source = newSource();
  const auto first = source->resolve(spec(), {});
  const auto again = source->resolve(spec(), {});
  put("a", "2");
  const auto changed = source->resolve(spec(), {});
  ASSERT_TRUE(first && again && changed);
  EXPECT_EQ(first->id, again->id);
  EXPECT_NE(first->id, changed->id);
  const auto old = source->fetch(spec(), {}, *first);
  ASSERT_TRUE(old) << "the content that was resolved is kept";
  EXPECT_EQ((*old)->digest(), first->id);
}

TEST_F(DirectorySourceTest, SaysWhenPinnedContentIsGone) {
  put("a", "1");
  const auto first = newSource()->resolve(spec(), {});
  ASSERT_TRUE(first);
  put("a", "2");
  std::filesystem::remove_all(dir_ / "cache");
  EXPECT_EQ(newSource()->fetch(spec(), {}, *first).code(), Code::NotFound);
}

TEST_F(DirectorySourceTest, RefusesWhatAReleaseCannotHold) {
  put("ok", "1");
  ASSERT_EQ(::mkfifo((dir_ / "app/pipe").c_str(), 0600), 0);
  const auto pipe = newSource()->resolve(spec(), {});
  EXPECT_EQ(pipe.code(), Code::Invalid);
  EXPECT_NE(pipe.status().message().find("pipe: is a pipe"), std::string::npos) << pipe.status().message();
  EXPECT_TRUE(newSource()->resolve(spec({"pipe"}), {}));
}

TEST_F(DirectorySourceTest, RefusesLinksOutOfTheTreeByName) {
  put("ok", "1");
  std::filesystem::create_symlink("/etc/passwd", dir_ / "app/leak");
  const auto absolute = newSource()->resolve(spec(), {});
  EXPECT_EQ(absolute.code(), Code::Invalid);
  EXPECT_NE(absolute.status().message().find("leak -> /etc/passwd"), std::string::npos) << absolute.status().message();
  std::filesystem::remove(dir_ / "app/leak");
  std::filesystem::create_symlink("../cache", dir_ / "app/up");
  EXPECT_EQ(newSource()->resolve(spec(), {}).code(), Code::Invalid);
  std::filesystem::remove(dir_ / "app/up");
  std::filesystem::create_symlink("ok", dir_ / "app/inside");
  EXPECT_TRUE(newSource()->resolve(spec(), {}));
}

TEST_F(DirectorySourceTest, ReadsOnlyBelowTheAllowedRoots) {
  put("a", "1");
  EXPECT_EQ(newSource({dir_ / "cache"})->resolve(spec(), {}).code(), Code::Denied);
  EXPECT_TRUE(newSource({dir_.path()})->resolve(spec(), {}));
  std::filesystem::create_directories(dir_ / "allowed");
  std::filesystem::create_symlink(dir_ / "app", dir_ / "allowed/link");
  SourceSpec through{.directory = DirectorySource{dir_ / "allowed/link", {}}};
  EXPECT_EQ(newSource({dir_ / "allowed"})->resolve(through, {}).code(), Code::Denied);
}

TEST_F(DirectorySourceTest, NamesMissingAndRelativeDirectories) {
  SourceSpec missing{.directory = DirectorySource{dir_ / "none", {}}};
  EXPECT_EQ(newSource()->resolve(missing, {}).code(), Code::NotFound);
  SourceSpec relative{.directory = DirectorySource{"app", {}}};
  EXPECT_EQ(newSource()->resolve(relative, {}).code(), Code::Invalid);
  EXPECT_EQ(newSource()->resolve(SourceSpec{}, {}).code(), Code::Invalid);
}

// Whatever is taken while a writer is busy is one of the states that the writer made.
TEST_F(DirectorySourceTest, NeverMixesTwoStatesOfAFile) {
  const std::string ones(300'000, '1');
  const std::string twos(300'000, '2');
  put("big", ones);
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      slipway::writeFile(dir_ / "app/big", i % 2 == 0 ? twos : ones);
    }
  });
  auto source = newSource();
  for (int i = 0; i < 20; ++i) {
    const auto revision = source->resolve(spec(), {});
    if (!revision) {
      EXPECT_EQ(revision.code(), Code::Unavailable);
      EXPECT_NE(revision.status().message().find("big changed while it was read"), std::string::npos);
      continue;
    }
    const auto artifact = source->fetch(spec(), {}, *revision);
    ASSERT_TRUE(artifact);
    const std::string& digest = (*artifact)->files()[0].digest;
    const std::uint64_t size = (*artifact)->files()[0].size;
    EXPECT_TRUE(size < 300'000 || digest == sha256Hex(ones) || digest == sha256Hex(twos));
  }
}

TEST(Glob, LetsAStarStandForAnythingButASlash) {
  EXPECT_TRUE(globMatches("*.log", "a.log"));
  EXPECT_TRUE(globMatches("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(globMatches("*.log", "a/b.log"));
  EXPECT_TRUE(globMatches("*/b.*", "a/b.log"));
  EXPECT_FALSE(globMatches("a", "ab"));
  EXPECT_TRUE(globMatches("*", ""));
  EXPECT_TRUE(isExcluded({"/build/"}, "build"));
  EXPECT_FALSE(isExcluded({"/build/"}, "src/build"));
  EXPECT_TRUE(isExcluded({}, "x/.git"));
  std::string hostile;
  for (int i = 0; i < 1000; ++i) {
    hostile += "*a";
  }
  hostile += 'b';
  EXPECT_FALSE(globMatches(hostile, std::string(5000, 'a')));
}

}  // namespace
}  // namespace slipway::source
