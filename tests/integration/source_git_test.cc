#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/artifact_source.h"
#include "tests/support/git_fixture.h"

namespace slipway::source {
namespace {

class GitFileTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!GitFixture::available()) {
      GTEST_SKIP() << "git is not installed";
    }
    repo_ = std::make_unique<GitFixture>();
    source_ = newSource();
  }
  std::unique_ptr<ArtifactSource> newSource() {
    return newArtifactSource({.cacheDir = dir_ / "cache", .clock = *clock_, .logger = log_});
  }
  SourceSpec spec(GitRef ref = {}, const std::string& path = {}) const {
    return {.git = GitSource{repo_->url(), std::move(ref), path, ""}};
  }
  Result<std::shared_ptr<const Artifact>> take(const SourceSpec& from) {
    const auto revision = source_->resolve(from, {});
    return revision ? source_->fetch(from, {}, *revision) : revision.status();
  }
  static std::vector<std::string> names(const Artifact& artifact) {
    std::vector<std::string> out;
    for (const ArtifactFile& file : artifact.files()) {
      out.push_back(file.path);
    }
    return out;
  }

  TempDir dir_;
  NullLogger log_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  std::unique_ptr<GitFixture> repo_;
  std::unique_ptr<ArtifactSource> source_;
};

TEST_F(GitFileTest, PinsBranchTagCommitAndTheDefaultBranch) {
  repo_->put("a", "1");
  const std::string first = repo_->commit();
  repo_->git("tag light");
  repo_->git("tag -a -m annotated v1.0");
  repo_->put("a", "2");
  const std::string second = repo_->commit();
  repo_->git("branch feature/x " + first);
  const std::vector<std::pair<GitRef, std::string>> wanted = {
      {{}, second},
      {{"main", "", ""}, second},
      {{"feature/x", "", ""}, first},
      {{"", "light", ""}, first},
      {{"", "v1.0", ""}, first},
      {{"", "", first}, first},
  };
  for (const auto& [ref, id] : wanted) {
    const auto revision = source_->resolve(spec(ref), {});
    ASSERT_TRUE(revision) << revision.status().message();
    EXPECT_EQ(revision->id, id) << ref.branch << ref.tag;
  }
  EXPECT_EQ(source_->resolve(spec({"", "v1.0", ""}), {})->display, cat("v1.0 (", first.substr(0, 7), ")"));
  EXPECT_EQ(source_->resolve(spec(), {})->display, cat("main (", second.substr(0, 7), ")"));
  const auto old = take(spec({"", "", first}));
  ASSERT_TRUE(old) << old.status().message();
  EXPECT_EQ((*old)->files()[0].digest, sha256Hex("1"));
}

TEST_F(GitFileTest, KeepsExecutableBitsAndLinks) {
  repo_->put("bin/run", "#!/bin/sh\n");
  ::chmod((repo_->path() + "/bin/run").c_str(), 0755);
  std::filesystem::create_symlink("bin/run", repo_->path() + "/start");
  repo_->put("plain", "x");
  repo_->commit();
  const auto artifact = take(spec());
  ASSERT_TRUE(artifact) << artifact.status().message();
  EXPECT_EQ((*artifact)->files()[0].type, ArtifactFile::Type::Executable);
  EXPECT_EQ((*artifact)->files()[1].type, ArtifactFile::Type::Regular);
  EXPECT_EQ((*artifact)->files()[2].type, ArtifactFile::Type::Symlink);
  EXPECT_EQ((*artifact)->files()[2].digest, sha256Hex("bin/run"));
}

TEST_F(GitFileTest, HasTheDigestOfADirectoryWithTheSameContent) {
  repo_->put("a/b", "1");
  repo_->put("c", "2");
  repo_->commit();
  const auto fromGit = take(spec());
  const auto fromDirectory = source_->resolve({.directory = DirectorySource{repo_->path(), {}}}, {});
  ASSERT_TRUE(fromGit && fromDirectory);
  EXPECT_EQ((*fromGit)->digest(), fromDirectory->id);
}

TEST_F(GitFileTest, TakesOnlyTheSubdirectory) {
  repo_->put("site/index.html", "x");
  repo_->put("site/css/a.css", "x");
  repo_->put("other", "x");
  repo_->commit();
  const auto artifact = take(spec({}, "site"));
  ASSERT_TRUE(artifact) << artifact.status().message();
  EXPECT_EQ(names(**artifact), (std::vector<std::string>{"css/a.css", "index.html"}));
  EXPECT_EQ(take(spec({}, "none")).code(), Code::NotFound);
  EXPECT_EQ(take(spec({}, "other")).code(), Code::Invalid);
  EXPECT_EQ(take(spec({}, "../x")).code(), Code::Invalid);
}

TEST_F(GitFileTest, NeedsTheRepositoryOnlyOncePerCommit) {
  repo_->put("a", "1");
  repo_->commit();
  const auto revision = source_->resolve(spec(), {});
  const auto first = source_->fetch(spec(), {}, *revision);
  ASSERT_TRUE(first);
  std::filesystem::remove_all(repo_->path());
  const auto second = source_->fetch(spec(), {}, *revision);
  ASSERT_TRUE(second) << second.status().message();
  EXPECT_EQ(first->get(), second->get());
  const std::string digest = (*first)->digest();
  source_.reset();
  source_ = newSource();
  const auto afterRestart = source_->fetch(spec(), {}, *revision);
  ASSERT_TRUE(afterRestart) << afterRestart.status().message();
  EXPECT_EQ((*afterRestart)->digest(), digest);
}

TEST_F(GitFileTest, NamesWhatIsMissing) {
  EXPECT_EQ(source_->resolve(spec(), {}).code(), Code::NotFound) << "no commits yet";
  repo_->put("a", "1");
  repo_->commit();
  repo_->git("branch next");
  repo_->git("tag v1");
  const auto branch = source_->resolve(spec({"nope", "", ""}), {});
  EXPECT_EQ(branch.code(), Code::NotFound);
  EXPECT_NE(branch.status().message().find("branch nope not found; branches: main, next"), std::string::npos)
      << branch.status().message();
  const auto tag = source_->resolve(spec({"", "v9", ""}), {});
  EXPECT_NE(tag.status().message().find("tag v9 not found; tags: v1"), std::string::npos) << tag.status().message();
  const auto commit = take(spec({"", "", std::string(40, 'a')}));
  EXPECT_EQ(commit.code(), Code::NotFound) << commit.status().message();
  SourceSpec nowhere{.git = GitSource{"file:///no/such/repository", {}, "", ""}};
  EXPECT_EQ(source_->resolve(nowhere, {}).code(), Code::NotFound);
}

TEST_F(GitFileTest, RefusesSubmodulesAndLfsPointersByPath) {
  repo_->put("a", "1");
  const std::string id = repo_->commit();
  repo_->git("update-index --add --cacheinfo 160000," + id + ",vendor/lib");
  repo_->git("commit -q -m submodule");
  const auto submodule = take(spec());
  EXPECT_EQ(submodule.code(), Code::Invalid);
  EXPECT_NE(submodule.status().message().find("vendor/lib: is a submodule"), std::string::npos);
  repo_->git("rm -q --cached vendor/lib");
  repo_->put("big.bin",
             "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 12345\n");
  repo_->commit();
  const auto lfs = take(spec());
  EXPECT_EQ(lfs.code(), Code::Invalid);
  EXPECT_NE(lfs.status().message().find("big.bin: is a Git LFS pointer"), std::string::npos);
}

TEST_F(GitFileTest, RefusesTreesThatWouldWriteElsewhere) {
  repo_->put("a", "1");
  repo_->commit();
  std::filesystem::create_symlink("../../outside", repo_->path() + "/leak");
  repo_->commit();
  const auto leak = take(spec());
  EXPECT_EQ(leak.code(), Code::Invalid);
  EXPECT_NE(leak.status().message().find("leak -> ../../outside"), std::string::npos) << leak.status().message();
  // A tree that no index would hold: ".git" as a name, written object by object.
  const std::string blob = repo_->git("hash-object -w a");
  const std::string tree = repo_->git("mktree --missing <<'X'\n100644 blob " + blob + "\t.git\nX\n");
  const std::string commit = repo_->git("commit-tree -m evil " + tree);
  repo_->git("update-ref refs/heads/evil " + commit);
  EXPECT_EQ(take(spec({"evil", "", ""})).code(), Code::Invalid);
}

TEST_F(GitFileTest, ReadsNoConfigurationOfTheMachine) {
  repo_->put("a", "1");
  repo_->commit();
  // A rewrite rule in the user's configuration would send the request elsewhere.
  writeFile(repo_->path() + "/.git/config",
            readFile(repo_->path() + "/.git/config") + "\n[url \"file:///no/such/\"]\n\tinsteadOf = file://\n");
  EXPECT_TRUE(take(spec()));
}

TEST_F(GitFileTest, RespectsPolicy) {
  repo_->put("a", "1");
  repo_->commit();
  const auto strict =
      newArtifactSource({.cacheDir = dir_ / "strict", .clock = *clock_, .logger = log_, .allowFile = false});
  EXPECT_EQ(strict->resolve(spec(), {}).code(), Code::Denied);
  SourceSpec http{.git = GitSource{"http://git.example.com/a", {}, "", ""}};
  EXPECT_EQ(strict->resolve(http, {}).code(), Code::Invalid);
}

TEST_F(GitFileTest, ServesManyCallersAtOnce) {
  for (int i = 0; i < 50; ++i) {
    repo_->put(cat("f", i), std::string(1000, static_cast<char>('a' + i % 26)));
  }
  repo_->commit();
  const auto revision = source_->resolve(spec(), {});
  std::vector<std::jthread> threads;
  std::atomic<int> same = 0;
  const auto first = source_->fetch(spec(), {}, *revision);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto mine = source_->fetch(spec(), {}, *revision);
      same += mine && mine->get() == first->get() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(same, 8);
}

}  // namespace
}  // namespace slipway::source
