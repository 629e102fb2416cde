#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/artifact_source.h"
#include "tests/support/git_fixture.h"
#include "tests/support/sshd_fixture.h"

namespace slipway::source {
namespace {

class GitSshTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!GitFixture::available() || !SshdFixture::available()) {
      GTEST_SKIP() << "git or OpenSSH's server is not installed";
    }
    repo_ = std::make_unique<GitFixture>();
    repo_->put("a", "1");
    repo_->put("b/c", "2");
    first_ = repo_->commit();
    server_ = std::make_unique<SshdFixture>();
    credentials_.sshPrivateKey = server_->target().privateKey;
    credentials_.knownHosts = knownHosts(server_->hostKeys()[0]);
    source_ = newSource({});
  }
  std::string knownHosts(const std::string& key) const { return cat("[127.0.0.1]:", server_->port(), " ", key, "\n"); }
  std::unique_ptr<ArtifactSource> newSource(const SourceLimits& limits) {
    return newArtifactSource(
        {.cacheDir = dir_ / cat("cache", ++caches_), .clock = *clock_, .logger = log_, .limits = limits});
  }
  SourceSpec spec(const std::string& path = {}) const {
    const std::string url =
        cat("ssh://", SshdFixture::user(), "@127.0.0.1:", server_->port(), path.empty() ? repo_->path() : path);
    return {.git = GitSource{url, {}, "", "shop-git"}};
  }
  Result<std::shared_ptr<const Artifact>> take(const SourceSpec& from) {
    const auto revision = source_->resolve(from, credentials_);
    return revision ? source_->fetch(from, credentials_, *revision) : revision.status();
  }

  TempDir dir_;
  NullLogger log_;
  int caches_ = 0;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  std::unique_ptr<GitFixture> repo_;
  std::unique_ptr<SshdFixture> server_;
  std::string first_;
  SourceCredentials credentials_;
  std::unique_ptr<ArtifactSource> source_;
};

TEST_F(GitSshTest, FetchesWithAKeyAndThenOnlyWhatIsNew) {
  const auto one = take(spec());
  ASSERT_TRUE(one) << one.status().message();
  EXPECT_EQ((*one)->files().size(), 2U);
  repo_->put("d", "3");
  repo_->commit();
  const auto two = take(spec());
  ASSERT_TRUE(two) << two.status().message();
  EXPECT_EQ((*two)->files().size(), 3U);
  server_->stop();
  SourceSpec pinned = spec();
  pinned.git->ref.commit = first_;
  const auto again = source_->fetch(pinned, credentials_, {first_, ""});
  ASSERT_TRUE(again) << "the server is not asked for what is here: " << again.status().message();
  EXPECT_EQ((*again)->digest(), (*one)->digest());
}

TEST_F(GitSshTest, TakesEveryKeyType) {
  for (const std::string type : {"rsa", "ecdsa", "ed25519"}) {
    credentials_.sshPrivateKey = server_->newKey("deploy-" + type, type, "phrase");
    server_->authorize("deploy-" + type);
    credentials_.password = "phrase";
    const auto revision = source_->resolve(spec(), credentials_);
    EXPECT_TRUE(revision) << type << ": " << revision.status().message();
  }
  credentials_.password = "wrong";
  const auto locked = source_->resolve(spec(), credentials_);
  EXPECT_EQ(locked.code(), Code::Denied);
  EXPECT_NE(locked.status().message().find("ssh-privatekey of Secret shop-git"), std::string::npos)
      << locked.status().message();
}

TEST_F(GitSshTest, RefusesAnUnknownHostKeyAndShowsItsFingerprint) {
  credentials_.knownHosts.clear();
  const auto unknown = source_->resolve(spec(), credentials_);
  EXPECT_EQ(unknown.code(), Code::Denied);
  const std::string message = unknown.status().message();
  EXPECT_NE(message.find("SHA256:"), std::string::npos) << message;
  EXPECT_NE(message.find(server_->hostKeys()[0]), std::string::npos) << "the line to paste: " << message;
  EXPECT_NE(message.find("Secret shop-git"), std::string::npos) << message;
}

TEST_F(GitSshTest, RefusesAnotherHostKeyThanTheKnownOne) {
  server_->newKey("stranger");
  credentials_.knownHosts = knownHosts(SshdFixture::keyLine(readFile(server_->dir() / "stranger.pub")));
  const auto changed = source_->resolve(spec(), credentials_);
  EXPECT_EQ(changed.code(), Code::Denied);
  EXPECT_NE(changed.status().message().find("host key mismatch"), std::string::npos) << changed.status().message();
}

TEST_F(GitSshTest, NamesTheSecretWhenTheKeyIsNotAuthorised) {
  credentials_.sshPrivateKey = server_->newKey("nobody");
  const auto refused = source_->resolve(spec(), credentials_);
  EXPECT_EQ(refused.code(), Code::Denied);
  EXPECT_NE(refused.status().message().find("authentication failed"), std::string::npos) << refused.status().message();
  EXPECT_NE(refused.status().message().find("Secret shop-git"), std::string::npos) << refused.status().message();
  credentials_.sshPrivateKey.clear();
  EXPECT_EQ(source_->resolve(spec(), credentials_).code(), Code::Denied);
}

TEST_F(GitSshTest, SaysWhenThereIsNoRepository) {
  const auto missing = source_->resolve(spec("/no/such/repository"), credentials_);
  EXPECT_EQ(missing.code(), Code::NotFound);
  EXPECT_NE(missing.status().message().find("does not appear to be a git repository"), std::string::npos)
      << missing.status().message();
}

TEST_F(GitSshTest, GivesUpOnASilentServer) {
  SourceLimits limits;
  limits.resolveTime = std::chrono::milliseconds(300);
  source_ = newSource(limits);
  server_->freeze();
  EXPECT_EQ(source_->resolve(spec(), credentials_).code(), Code::Timeout);
  server_->thaw();
  limits.resolveTime = std::chrono::seconds(20);
  limits.stallTime = std::chrono::milliseconds(300);
  source_ = newSource(limits);
  server_->freeze();
  EXPECT_EQ(source_->resolve(spec(), credentials_).code(), Code::Timeout);
  server_->stop();
  EXPECT_EQ(source_->resolve(spec(), credentials_).code(), Code::Unavailable);
}

}  // namespace
}  // namespace slipway::source
