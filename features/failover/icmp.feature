Feature: ICMP errors over UDP
  RFC 3261 section 18.4: host, network, port and protocol unreachable and parameter problem are failures of
  the transport, and the phone goes on at once. Source quench and time exceeded are ignored, and so is
  an error about a datagram that the phone has never sent.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x"
    And the far end answers

  @YL-08 @rfc3261-18.4
  Scenario Outline: ICMP <type>/<code>, <meaning>, moves the call at once
    Given "primary" has fault "icmp type=<type> code=<code>"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the phone sends INVITE to "secondary" within 1 s
    And the phone sends INVITE to "primary" exactly once
    And the call is established through "secondary"

    Examples:
      | type | code | meaning              |
      | 3    | 0    | network unreachable  |
      | 3    | 1    | host unreachable     |
      | 3    | 2    | protocol unreachable |
      | 3    | 3    | port unreachable     |
      | 12   | 0    | parameter problem    |

  @YL-08 @rfc3261-18.4
  Scenario Outline: ICMP <type>/<code>, <meaning>, is ignored
    Given "primary" has fault "icmp type=<type> code=<code>"
    When the phone dials the far end
    Then the phone sends no INVITE to "secondary" for 1 s
    And the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

    Examples:
      | type | code | meaning       |
      | 4    | 0    | source quench |
      | 11   | 0    | time exceeded |

  @YL-08
  Scenario: An error about a datagram that was never sent is ignored
    Given "primary" has fault "icmp quote=wrong"
    When the phone dials the far end
    Then the phone sends no INVITE to "secondary" for 1 s
    And the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

  @YL-08 @YL-13
  Scenario: ICMP moves a registration at once
    Given "primary" has fault "icmp type=3 code=1"
    When the phone registers
    Then the phone is registered with "secondary" within 2 s

  @YL-08
  Scenario: One error, then the server answers
    Given "primary" has fault "icmp type=11 code=0 method=INVITE first=1"
    When the phone dials the far end
    Then the call is established through "primary" within 2 s
