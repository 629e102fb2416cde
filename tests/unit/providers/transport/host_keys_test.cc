#include "providers/transport/host_keys.h"

#include <cstdio>

#include <gtest/gtest.h>

#include "tests/support/sshd_fixture.h"

namespace slipway::transport {
namespace {

TEST(Fingerprint, IsEmptyForWhatIsNoKey) {
  EXPECT_EQ(fingerprint(""), "");
  EXPECT_EQ(fingerprint("ssh-ed25519"), "");
  EXPECT_EQ(fingerprint("ssh-ed25519 ***"), "");
}

TEST(HostKeys, AreScannedWithoutAuthenticatingAndPrintedAsOpenSshDoes) {
  if (!SshdFixture::available()) GTEST_SKIP() << "no sshd or ssh-keygen installed";
  const SshdFixture sshd({"ed25519", "ecdsa", "rsa"});
  const auto keys = scanHostKeys("127.0.0.1", sshd.port(), std::chrono::seconds(20));
  ASSERT_TRUE(keys) << keys.status().toString();
  EXPECT_EQ(*keys, sshd.hostKeys());
  std::FILE* pipe = ::popen(("ssh-keygen -lf " + (sshd.dir() / "host_rsa.pub")).c_str(), "r");
  char line[512] = {};
  ASSERT_NE(std::fgets(line, sizeof line, pipe), nullptr);
  ::pclose(pipe);
  EXPECT_NE(std::string(line).find(" " + fingerprint(keys->back()) + " "), std::string::npos) << line;
}

TEST(HostKeys, AClosedPortAndASilentServerAreToldApart) {
  EXPECT_EQ(scanHostKeys("127.0.0.1", unusedPort(), std::chrono::seconds(5)).code(), Code::Unavailable);
  if (!SshdFixture::available()) GTEST_SKIP() << "no sshd or ssh-keygen installed";
  const SshdFixture sshd;
  sshd.freeze();
  EXPECT_EQ(scanHostKeys("127.0.0.1", sshd.port(), std::chrono::milliseconds(300)).code(), Code::Timeout);
}

}  // namespace
}  // namespace slipway::transport
