Feature: The same order over IPv6
  Failover knows no family of addresses: whatever a phone does over IPv4 it does over IPv6, with the literals of
  RFC 5118 in its messages and the errors of RFC 4443 in the place of those of RFC 792.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the far end answers

  @YL-01 @AR-25
  Scenario Outline: Registered and called over <network> and <transport>
    Given an <network> network
    And the phone speaks <transport>
    And the phone is registered with "primary"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone answers
    Then the call is established through "primary"
    And audio flows both ways within 2 s
    When the phone hangs up
    Then the call ends through "primary"

    Examples:
      | network | transport |
      | IPv4    | UDP       |
      | IPv6    | UDP       |
      | IPv4    | TCP       |
      | IPv6    | TCP       |

  @YL-02
  Scenario Outline: 503 over <network>
    Given an <network> network
    And "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary"

    Examples:
      | network |
      | IPv4    |
      | IPv6    |

  @YL-03 @YL-09 @YL-11
  Scenario Outline: Silence over <network>
    Given an <network> network
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

    Examples:
      | network |
      | IPv4    |
      | IPv6    |

  @YL-06
  Scenario Outline: A refused connection over <network>
    Given an <network> network
    And the phone speaks TCP
    And "primary" has fault "tcp-refuse"
    When the phone dials the far end
    Then the phone sends INVITE to "secondary" within 2 s
    And the call is established through "secondary"

    Examples:
      | network |
      | IPv4    |
      | IPv6    |

  @YL-08 @rfc3261-18.4
  Scenario Outline: ICMPv6 <type>/<code>, <meaning>, moves the call at once
    Given an IPv6 network
    And "primary" has fault "icmp type=<type> code=<code>"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the phone sends INVITE to "secondary" within 1 s
    And the phone sends INVITE to "primary" exactly once
    And the call is established through "secondary"

    Examples:
      | type | code | meaning             |
      | 1    | 0    | no route            |
      | 1    | 3    | address unreachable |
      | 1    | 4    | port unreachable    |
      | 4    | 0    | parameter problem   |

  @YL-08 @rfc3261-18.4
  Scenario: ICMPv6 3/0, time exceeded, is ignored
    Given an IPv6 network
    And "primary" has fault "icmp type=3 code=0"
    When the phone dials the far end
    Then the phone sends no INVITE to "secondary" for 1 s
    And the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

  @AR-25
  Scenario: A server without IPv6 binds nobody
    Given an IPv6 network
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    And "secondary" has fault "icmp type=1 code=3"
    Then the phone is registered with "fallback" within 130 s

  @YL-12
  Scenario Outline: Servers behind a name over <network>
    Given an <network> network
    And DNS for "example.test" with "primary", then "secondary"
    And "primary" has fault "closed"
    When the phone dials the far end
    Then the phone asks DNS for <type> "primary.example.test"
    And the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary"

    Examples:
      | network | type |
      | IPv4    | A    |
      | IPv6    | AAAA |
