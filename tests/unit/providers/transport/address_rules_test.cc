#include "providers/transport/outbound/address_rules.h"

#include <cstring>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slipway::transport {
namespace {

std::string refusal(const OutboundRules& rules, const std::string& text, std::uint16_t port = 9090) {
  sockaddr_storage storage{};
  if (text.find(':') == std::string::npos) {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &in.sin_addr), 1) << text;
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(storage);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &in.sin6_addr), 1) << text;
  }
  return rules.refusal(reinterpret_cast<const sockaddr&>(storage));
}

std::shared_ptr<OutboundRules> allowing(const std::vector<std::string>& ranges) {
  auto rules = OutboundRules::create(ranges);
  EXPECT_TRUE(rules) << rules.status().message();
  return *rules;
}

TEST(OutboundRules, LetPublicAddressesThrough) {
  const auto rules = allowing({});
  for (const char* address : {"1.1.1.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "100.128.0.1", "223.255.255.255",
                              "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_EQ(refusal(*rules, address), "") << address;
  }
}

TEST(OutboundRules, RefuseEveryWayToWriteAnAddressInsideTheNetwork) {
  const auto rules = allowing({});
  for (const char* address :
       {"127.0.0.1",   "127.255.0.9",     "10.1.2.3",       "172.16.0.1",    "172.31.255.255",   "192.168.1.1",
        "100.64.0.1",  "198.18.0.1",      "192.0.0.8",      "::1",           "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1",    "2001:0:808:808::1",
        "fc00::1",     "fd12::1",         "fec0::1"}) {
    EXPECT_NE(refusal(*rules, address).find("--allow-outbound"), std::string::npos)
        << address << ": " << refusal(*rules, address);
  }
}

TEST(OutboundRules, NeverConnectToMetadataOrMulticastWhateverIsAllowed) {
  const auto rules = allowing({"0.0.0.0/0", "::/0"});
  for (const char* address :
       {"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::1", "ff02::1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.0.0.0", "::", "fd00:ec2::254"}) {
    EXPECT_NE(refusal(*rules, address).find("never"), std::string::npos) << address;
  }
  EXPECT_EQ(refusal(*rules, "10.0.0.1"), "");
  EXPECT_EQ(refusal(*rules, "fd12::1"), "");
}

TEST(OutboundRules, AllowExactlyTheRangesThatAreNamed) {
  const auto rules = allowing({"10.1.0.0/16", "127.0.0.1", "fd00:1::/32"});
  EXPECT_EQ(refusal(*rules, "10.1.255.1"), "");
  EXPECT_EQ(refusal(*rules, "::ffff:10.1.0.9"), "");
  EXPECT_EQ(refusal(*rules, "127.0.0.1"), "");
  EXPECT_EQ(refusal(*rules, "fd00:1::5"), "");
  EXPECT_NE(refusal(*rules, "10.2.0.1"), "");
  EXPECT_NE(refusal(*rules, "127.0.0.2"), "");
  EXPECT_NE(refusal(*rules, "fd00:2::5"), "");
}

TEST(OutboundRules, NeverConnectToOurOwnApi) {
  const auto rules = allowing({"127.0.0.0/8"});
  rules->protectPort(6443);
  EXPECT_NE(refusal(*rules, "127.0.0.1", 6443).find("own API"), std::string::npos);
  EXPECT_NE(refusal(*rules, "::ffff:127.0.0.1", 6443).find("own API"), std::string::npos);
  EXPECT_EQ(refusal(*rules, "127.0.0.1", 9090), "");
  EXPECT_EQ(refusal(*rules, "1.1.1.1", 6443), "") << "another machine's port is another API";
}

TEST(OutboundRules, RefuseRangesThatAreNoneAndThoseThatAreNeverConnectedTo) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "fd00::/129", "example.org",
                           "10.0.0.0/8x", "169.254.169.254/32", "169.254.0.0/16", "ff02::/16", "0.0.0.0"}) {
    EXPECT_FALSE(OutboundRules::create({text})) << text;
  }
}

}  // namespace
}  // namespace slipway::transport
