#include <array>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "reconciler/apiserver/listener/http_listener.h"
#include "reconciler/apiserver/listener/pki.h"
#include "reconciler/base/strings.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback_client.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_dir.h"

namespace slipway::apiserver {
namespace {

class WhoHandler final : public HttpHandler {
 public:
  void handle(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) override {
    responder->send(
        {.contentType = "text/plain", .body = cat(request.principal.user, '/', join(request.principal.groups, ","))});
  }
};

// A blocking TLS client; `certificate` and `key` may be empty.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const std::string& certificate, const std::string& key)
      : tcp_(port), context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_)) {
    if (!certificate.empty()) {
      BIO* bio = BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()));
      X509* parsed = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
      SSL_use_certificate(ssl_, parsed);
      X509_free(parsed);
      BIO_free(bio);
      bio = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
      EVP_PKEY* parsedKey = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
      SSL_use_PrivateKey(ssl_, parsedKey);
      EVP_PKEY_free(parsedKey);
      BIO_free(bio);
    }
    SSL_set_fd(ssl_, tcp_.descriptor());
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  SSL* ssl() { return ssl_; }

  // The whole answer to one request, or empty when the connection fails.
  std::string get(const std::string& path, const std::string& headers = "") {
    if (SSL_connect(ssl_) != 1) {
      return {};
    }
    const std::string request = cat("GET ", path, " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", headers, "\r\n");
    if (SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0) {
      return {};
    }
    std::string answer;
    std::array<char, 4096> chunk{};
    for (int size = 1; size > 0;) {
      size = SSL_read(ssl_, chunk.data(), chunk.size());
      answer.append(chunk.data(), static_cast<std::size_t>(std::max(size, 0)));
    }
    return answer;
  }

 private:
  LoopbackClient tcp_;
  SSL_CTX* context_;
  SSL* ssl_;
};

class ListenerTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Certificates are checked by OpenSSL against the real time.
    clock.jumpWall(std::chrono::system_clock::now() - clock.wall());
    auto made = ensurePki(scratch.path(), {"example.test"}, clock);
    ASSERT_TRUE(made) << made.status().toString();
    pki = std::move(*made);
    auto tls =
        TlsContext::create({.certificate = pki.serverCertificate, .key = pki.serverKey, .clientCa = pki.caCertificate});
    ASSERT_TRUE(tls) << tls.status().toString();
    auto started =
        HttpListener::start({}, {.handler = handler, .logger = logger, .tls = *tls, .authenticator = &tokens});
    ASSERT_TRUE(started) << started.status().toString();
    listener = std::move(*started);
  }

  TempDir scratch;
  FakeClock clock;
  SeededRandom random;
  Pki pki;
  WhoHandler handler;
  NullLogger logger;
  Authenticator tokens{scratch.path() + "/tokens"};
  std::unique_ptr<HttpListener> listener;
};

TEST_F(ListenerTlsTest, KnowsTheUserOfAClientCertificate) {
  TlsClient client(listener->port(), pki.adminCertificate, pki.adminKey);
  EXPECT_NE(client.get("/api").find("slipway-admin/system:masters"), std::string::npos);
}

TEST_F(ListenerTlsTest, RefusesNoCertificateWithUnauthorized) {
  TlsClient client(listener->port(), "", "");
  EXPECT_TRUE(client.get("/api").starts_with("HTTP/1.1 401 "));
}

TEST_F(ListenerTlsTest, RefusesAStrangersCertificateAndTheServersOwn) {
  const TempDir elsewhere;
  const auto other = ensurePki(elsewhere.path(), {}, clock);
  ASSERT_TRUE(other);
  EXPECT_EQ(TlsClient(listener->port(), other->adminCertificate, other->adminKey).get("/healthz"), "");
  EXPECT_EQ(TlsClient(listener->port(), pki.serverCertificate, pki.serverKey).get("/healthz"), "");
}

TEST_F(ListenerTlsTest, RefusesOldTls) {
  TlsClient client(listener->port(), "", "");
  SSL_set_min_proto_version(client.ssl(), TLS1_VERSION);
  SSL_set_max_proto_version(client.ssl(), TLS1_1_VERSION);
  SSL_set_security_level(client.ssl(), 0);
  EXPECT_EQ(client.get("/healthz"), "");
}

TEST_F(ListenerTlsTest, ChoosesHttp11ByAlpn) {
  TlsClient client(listener->port(), pki.adminCertificate, pki.adminKey);
  const unsigned char offer[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_set_alpn_protos(client.ssl(), offer, sizeof offer);
  EXPECT_TRUE(client.get("/api").starts_with("HTTP/1.1 200 "));
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
}

TEST_F(ListenerTlsTest, ExplainsItselfToAPlainClient) {
  LoopbackClient client(listener->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.readAll().find("HTTPS"), std::string::npos);
}

TEST_F(ListenerTlsTest, KnowsTheUserOfABearerToken) {
  const std::string file = scratch.path() + "/tokens";
  const auto token = Authenticator::addToken(file, {"robot", {"deployers", "all"}}, random);
  ASSERT_TRUE(token) << token.status().toString();
  const std::string header = cat("Authorization: Bearer ", *token);
  EXPECT_NE(TlsClient(listener->port(), "", "").get("/api", header + "\r\n").find("robot/deployers,all"),
            std::string::npos);
  EXPECT_TRUE(TlsClient(listener->port(), "", "").get("/api", header + "0\r\n").starts_with("HTTP/1.1 401"));
  std::ostringstream content;
  content << std::ifstream(file).rdbuf();
  EXPECT_EQ(content.str().find(*token), std::string::npos);
}

TEST_F(ListenerTlsTest, ATokensUserMustBeAWord) {
  EXPECT_EQ(Authenticator::addToken(scratch.path() + "/t", {"", {}}, random).code(), Code::Invalid);
  EXPECT_EQ(Authenticator::addToken(scratch.path() + "/t", {"a", {"b c"}}, random).code(), Code::Invalid);
}

unsigned modeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
}

TEST(Pki, KeepsWhatItMadeAndHidesItsKeys) {
  const TempDir scratch;
  FakeClock clock;
  const auto first = ensurePki(scratch.path(), {"10.0.0.9", "Deploy.Example"}, clock);
  ASSERT_TRUE(first) << first.status().toString();
  const auto second = ensurePki(scratch.path(), {"10.0.0.9", "Deploy.Example"}, clock);
  ASSERT_TRUE(second);
  EXPECT_EQ(first->serverCertificate, second->serverCertificate);
  EXPECT_EQ(first->adminKey, second->adminKey);
  for (const char* name : {"/pki/ca.key", "/pki/server.key", "/pki/admin.key"}) {
    EXPECT_EQ(modeOf(scratch.path() + name), 0600U) << name;
  }
  EXPECT_EQ(modeOf(scratch.path() + "/pki"), 0700U);
}

TEST(Pki, RenewsBeforeTheEndAndWhenNamesChange) {
  const TempDir scratch;
  FakeClock clock;
  const auto first = ensurePki(scratch.path(), {}, clock);
  ASSERT_TRUE(first);
  const auto renamed = ensurePki(scratch.path(), {"other.example"}, clock);
  ASSERT_TRUE(renamed);
  EXPECT_NE(first->serverCertificate, renamed->serverCertificate);
  EXPECT_EQ(first->adminCertificate, renamed->adminCertificate);
  clock.advance(std::chrono::hours(24 * 340));
  const auto later = ensurePki(scratch.path(), {"other.example"}, clock);
  ASSERT_TRUE(later);
  EXPECT_EQ(first->caCertificate, later->caCertificate);
  EXPECT_NE(renamed->serverCertificate, later->serverCertificate);
  EXPECT_NE(first->adminCertificate, later->adminCertificate);
}

TEST(Pki, DoesNotReplaceWhatItCannotRead) {
  const TempDir scratch;
  FakeClock clock;
  ASSERT_TRUE(ensurePki(scratch.path(), {}, clock));
  std::ofstream(scratch.path() + "/pki/ca.key") << "damaged";
  const auto again = ensurePki(scratch.path(), {}, clock);
  EXPECT_EQ(again.code(), Code::Invalid);
  EXPECT_NE(again.status().message().find("pki/ca"), std::string::npos);
}

TEST(Pki, WritesAKubeconfigThatOnlyItsOwnerCanRead) {
  const TempDir scratch;
  FakeClock clock;
  const auto pki = ensurePki(scratch.path(), {}, clock);
  ASSERT_TRUE(pki);
  const std::string text = adminKubeconfig(*pki, "https://127.0.0.1:6443");
  EXPECT_NE(text.find("server: https://127.0.0.1:6443\n"), std::string::npos);
  ASSERT_TRUE(writePrivateFile(scratch.path() + "/kubeconfig", text));
  EXPECT_EQ(modeOf(scratch.path() + "/kubeconfig"), 0600U);
  EXPECT_EQ(writePrivateFile(scratch.path() + "/missing/x", text).code(), Code::Unavailable);
}

}  // namespace
}  // namespace slipway::apiserver
