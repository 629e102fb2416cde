#include <atomic>
#include <barrier>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/artifact_source.h"
#include "tests/support/git_fixture.h"
#include "tests/support/http/http_test_server.h"

namespace slipway::source {
namespace {

// git's own server program behind our TLS.
class GitHttpBackend {
 public:
  explicit GitHttpBackend(const GitFixture& repo) : repo_(repo) {}

  std::string operator()(const TestRequest& request) const {
    const std::size_t query = request.target.find('?');
    const int call = ++calls_;
    const std::string in = repo_.dir() / cat("in", call);
    const std::string out = repo_.dir() / cat("out", call);
    writeFile(in, request.body);
    const std::string command =
        cat("GIT_PROJECT_ROOT=", repo_.dir().path(), " GIT_HTTP_EXPORT_ALL=1 HOME=", repo_.dir().path(),
            " REQUEST_METHOD=", request.method, " PATH_INFO='", request.target.substr(0, query), "' QUERY_STRING='",
            query == std::string::npos ? "" : request.target.substr(query + 1), "' CONTENT_TYPE='",
            request.header("Content-Type"), "' git http-backend <", in, " >", out, " 2>/dev/null");
    if (std::system(command.c_str()) != 0) {
      return HttpTestServer::answer(500, "");
    }
    const std::string answer = readFile(out);
    const std::size_t end = answer.find("\r\n\r\n");
    const std::size_t status = answer.find("Status: ");
    const int code = status < end ? std::stoi(answer.substr(status + 8)) : 200;
    return HttpTestServer::answer(code, answer.substr(end + 4), answer.substr(0, end + 2));
  }

 private:
  const GitFixture& repo_;
  mutable std::atomic<int> calls_ = 0;
};

class GitHttpsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!GitFixture::available()) {
      GTEST_SKIP() << "git is not installed";
    }
    repo_ = std::make_unique<GitFixture>();
    repo_->put("a", "1");
    repo_->put("b/c", "2");
    first_ = repo_->commit();
    credentials_.caCertificate = certificate_.pem();
    source_ = newSource({});
  }
  std::unique_ptr<ArtifactSource> newSource(const SourceLimits& limits) {
    return newArtifactSource(
        {.cacheDir = dir_ / cat("cache", ++caches_), .clock = *clock_, .logger = log_, .limits = limits});
  }
  static SourceSpec spec(const HttpTestServer& server, const std::string& path = "/repo/.git", GitRef ref = {}) {
    return {.git = GitSource{server.url(path), std::move(ref), "", "shop-git"}};
  }
  Result<std::shared_ptr<const Artifact>> take(const SourceSpec& from) {
    const auto revision = source_->resolve(from, credentials_);
    return revision ? source_->fetch(from, credentials_, *revision) : revision.status();
  }
  static int posts(const HttpTestServer& server) {
    int count = 0;
    for (const TestRequest& request : server.requests()) {
      count += request.method == "POST" ? 1 : 0;
    }
    return count;
  }

  TempDir dir_;
  NullLogger log_;
  int caches_ = 0;
  const TestCertificate certificate_;
  SourceCredentials credentials_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  std::unique_ptr<GitFixture> repo_;
  std::string first_;
  std::unique_ptr<ArtifactSource> source_;
};

TEST_F(GitHttpsTest, FetchesOverTlsAndThenOnlyWhatIsNew) {
  const GitHttpBackend backend(*repo_);
  HttpTestServer server([&backend](const TestRequest& request) { return backend(request); }, &certificate_);
  const auto one = take(spec(server));
  ASSERT_TRUE(one) << one.status().message();
  EXPECT_EQ((*one)->files().size(), 2U);
  const int afterFirst = posts(server);
  EXPECT_EQ(afterFirst, 1);
  EXPECT_EQ(server.requests().size(), 3U) << "refs to resolve, refs to fetch, the pack";
  repo_->put("b/d", "3");
  repo_->commit();
  const auto two = take(spec(server));
  ASSERT_TRUE(two) << two.status().message();
  EXPECT_EQ((*two)->files().size(), 3U);
  const std::string negotiation = server.requests().back().body;
  EXPECT_NE(negotiation.find("have " + first_), std::string::npos) << "the fetch builds on what the mirror has";
  const int afterSecond = posts(server);
  const auto again = take(spec(server));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->get(), two->get());
  EXPECT_EQ(posts(server), afterSecond) << "the same commit is not fetched twice";
}

TEST_F(GitHttpsTest, FetchesACommitThatNoRefPointsTo) {
  repo_->put("a", "2");
  repo_->commit();
  const GitHttpBackend backend(*repo_);
  HttpTestServer server([&backend](const TestRequest& request) { return backend(request); }, &certificate_);
  const auto old = take(spec(server, "/repo/.git", {"", "", first_}));
  ASSERT_TRUE(old) << old.status().message();
  EXPECT_EQ((*old)->files()[0].digest, sha256Hex("1"));
  const auto none = take(spec(server, "/repo/.git", {"", "", std::string(40, 'b')}));
  EXPECT_EQ(none.code(), Code::NotFound) << none.status().message();
}

TEST_F(GitHttpsTest, FetchesOnceForCallersAtTheSameTime) {
  const GitHttpBackend backend(*repo_);
  HttpTestServer server([&backend](const TestRequest& request) { return backend(request); }, &certificate_);
  const auto revision = source_->resolve(spec(server), credentials_);
  ASSERT_TRUE(revision) << revision.status().message();
  std::barrier start(6);
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      const auto artifact = source_->fetch(spec(server), credentials_, *revision);
      right += artifact && (*artifact)->files().size() == 2 ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(right, 6);
  EXPECT_EQ(posts(server), 1);
}

TEST_F(GitHttpsTest, TrustsOnlyTheGivenAuthority) {
  HttpTestServer server([](const TestRequest&) { return std::string(); }, &certificate_);
  const TestCertificate other;
  for (const std::string& authority : {std::string(), other.pem()}) {
    credentials_.caCertificate = authority;
    const auto result = source_->resolve(spec(server), credentials_);
    EXPECT_EQ(result.code(), Code::Denied);
    EXPECT_NE(result.status().message().find("certificate is not trusted"), std::string::npos)
        << result.status().message();
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(GitHttpsTest, SendsCredentialsAndNamesTheSecretWhenTheyAreRefused) {
  const GitHttpBackend backend(*repo_);
  const std::string right = "Basic " + base64Encode("deploy:planted-token");
  HttpTestServer server(
      [&](const TestRequest& request) {
        return request.header("Authorization") == right ? backend(request) : HttpTestServer::answer(401, "no");
      },
      &certificate_);
  credentials_.username = "deploy";
  credentials_.password = "wrong-token";
  const auto refused = source_->resolve(spec(server), credentials_);
  EXPECT_EQ(refused.code(), Code::Denied);
  EXPECT_NE(refused.status().message().find("Secret shop-git"), std::string::npos) << refused.status().message();
  EXPECT_EQ(refused.status().message().find("wrong-token"), std::string::npos);
  credentials_.password = "planted-token";
  const auto artifact = take(spec(server));
  ASSERT_TRUE(artifact) << artifact.status().message();
}

// What one tenant's credentials fetched is not handed to one whose credentials the server refuses.
TEST_F(GitHttpsTest, AsksTheServerBeforeSharingWhatOthersFetched) {
  const GitHttpBackend backend(*repo_);
  const std::string right = "Basic " + base64Encode("deploy:good");
  HttpTestServer server(
      [&](const TestRequest& request) {
        return request.header("Authorization") == right ? backend(request) : HttpTestServer::answer(401, "no");
      },
      &certificate_);
  credentials_.username = "deploy";
  credentials_.password = "good";
  ASSERT_TRUE(take(spec(server)));
  credentials_.password = "bad";
  const auto stolen = take(spec(server, "/repo/.git", {"", "", first_}));
  EXPECT_EQ(stolen.code(), Code::Denied);
}

TEST_F(GitHttpsTest, SaysWhenThereIsNoRepository) {
  const GitHttpBackend backend(*repo_);
  HttpTestServer server([&backend](const TestRequest& request) { return backend(request); }, &certificate_);
  EXPECT_EQ(source_->resolve(spec(server, "/none"), credentials_).code(), Code::NotFound);
  HttpTestServer page(
      [](const TestRequest&) { return HttpTestServer::answer(200, "<html>", "Content-Type: text/html\r\n"); },
      &certificate_);
  const auto web = source_->resolve(spec(page), credentials_);
  EXPECT_EQ(web.code(), Code::Invalid);
  EXPECT_NE(web.status().message().find("web page"), std::string::npos) << web.status().message();
  HttpTestServer ill([](const TestRequest&) { return HttpTestServer::answer(503, "later"); }, &certificate_);
  EXPECT_EQ(source_->resolve(spec(ill), credentials_).code(), Code::Unavailable);
}

TEST_F(GitHttpsTest, FollowsAMoveOnTheSameServerOnly) {
  const GitHttpBackend backend(*repo_);
  HttpTestServer other([&backend](const TestRequest& request) { return backend(request); }, &certificate_);
  HttpTestServer server(
      [&](const TestRequest& request) {
        if (request.target.starts_with("/old")) {
          return HttpTestServer::answer(301, "moved", "Location: /repo/.git" + request.target.substr(4) + "\r\n");
        }
        if (request.target.starts_with("/away")) {
          return HttpTestServer::answer(302, "",
                                        "Location: " + other.url("/repo/.git/info/refs?service=git-upload-pack\r\n"));
        }
        if (request.target.starts_with("/loop")) {
          return HttpTestServer::answer(302, "", "Location: " + request.target + "\r\n");
        }
        return backend(request);
      },
      &certificate_);
  credentials_.password = "token";
  const auto moved = take(spec(server, "/old"));
  EXPECT_TRUE(moved) << moved.status().message();
  EXPECT_EQ(source_->resolve(spec(server, "/away"), credentials_).code(), Code::Invalid);
  EXPECT_EQ(source_->resolve(spec(server, "/loop"), credentials_).code(), Code::Invalid);
  EXPECT_TRUE(other.requests().empty()) << "the other server must not see the token";
}

TEST_F(GitHttpsTest, GivesUpOnASilentServer) {
  HttpTestServer silent([](const TestRequest&) { return HttpTestServer::stay; }, &certificate_);
  SourceLimits limits;
  limits.resolveTime = std::chrono::milliseconds(200);
  limits.fetchTime = std::chrono::milliseconds(200);
  source_ = newSource(limits);
  EXPECT_EQ(source_->resolve(spec(silent), credentials_).code(), Code::Timeout);
  const auto pinned = source_->fetch(spec(silent), credentials_, {first_, ""});
  EXPECT_EQ(pinned.code(), Code::Timeout);
  // Half a pack, then nothing.
  const GitHttpBackend backend(*repo_);
  HttpTestServer half(
      [&](const TestRequest& request) {
        const std::string whole = backend(request);
        return request.method == "GET" ? whole : HttpTestServer::stay + whole.substr(0, whole.size() - 30);
      },
      &certificate_);
  limits.resolveTime = std::chrono::seconds(5);
  limits.fetchTime = std::chrono::seconds(1);
  source_ = newSource(limits);
  EXPECT_EQ(take(spec(half)).code(), Code::Timeout);
}

TEST_F(GitHttpsTest, GivesUpOnARepositoryOverTheLimit) {
  std::string noise;
  Sha256 hash;
  for (int i = 0; noise.size() < 400'000; ++i) {
    noise += sha256Hex(std::to_string(i));
  }
  repo_->put("noise", noise);
  repo_->commit();
  const GitHttpBackend backend(*repo_);
  HttpTestServer server([&backend](const TestRequest& request) { return backend(request); }, &certificate_);
  SourceLimits limits;
  limits.fetchBytes = 50'000;
  source_ = newSource(limits);
  const auto big = take(spec(server));
  EXPECT_EQ(big.code(), Code::Invalid);
  EXPECT_NE(big.status().message().find("limit"), std::string::npos) << big.status().message();
}

TEST_F(GitHttpsTest, OutlivesGarbage) {
  const std::string type = "Content-Type: application/x-git-upload-pack-advertisement\r\n";
  const std::vector<std::string> bodies = {"",
                                           "0000",
                                           "zzzz",
                                           "ffff",
                                           "001e# service=git-upload-pack\n0000ffff",
                                           "001e# service=git-upload-pack\n0000003fzzz refs/heads/main\n0000",
                                           std::string(100'000, '0'),
                                           "001e# service=git-upload-pack\n00000005"};
  for (const std::string& body : bodies) {
    HttpTestServer server([&](const TestRequest&) { return HttpTestServer::answer(200, body, type); }, &certificate_);
    const auto result = take(spec(server));
    EXPECT_FALSE(result) << body.substr(0, 60);
    EXPECT_NE(result.code(), Code::Internal);
  }
  const GitHttpBackend backend(*repo_);
  HttpTestServer corrupt(
      [&](const TestRequest& request) {
        std::string whole = backend(request);
        if (request.method == "POST") {
          char& byte = whole[whole.find("PACK") + 40];
          byte = static_cast<char>(byte ^ 0x55);
        }
        return whole;
      },
      &certificate_);
  const auto damaged = take(spec(corrupt));
  EXPECT_FALSE(damaged) << "a damaged pack is never an artifact";
}

}  // namespace
}  // namespace slipway::source
