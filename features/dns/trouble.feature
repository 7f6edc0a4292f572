Feature: A name that DNS does not resolve
  Where the phone's profile counts that among the failures of a server, the next server of its list is
  tried; where not, the call fails. Nobody behind the name is sent anything.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send, dns] |
    And DNS for "example.test" with "primary", then "secondary"
    And the far end answers

  @YL-04 @rfc3263-4.3
  Scenario Outline: DNS <trouble>, the fallback takes the call
    Given "dns" has fault "<fault>"
    When the phone dials the far end
    Then the phone asks DNS for SRV "_sip._udp.example.test"
    And the call is established through "fallback" within 60 s

    Examples:
      | trouble                         | fault                    |
      | fails                           | dns-servfail             |
      | says that there is no such name | dns-nxdomain             |
      | is silent                       | dns-silent               |
      | is closed                       | closed                   |
      | cannot be asked over TCP        | dns-truncated tcp=refuse |

  @YL-01
  Scenario: A query is lost and asked again
    Given "dns" has fault "drop first=1 direction=in"
    When the phone dials the far end
    Then the call is established through "primary" within 60 s

  @YL-01
  Scenario: A late answer is as good as any
    Given "dns" has fault "delay ms=300"
    When the phone dials the far end
    Then the call is established through "primary" within 60 s

  @YL-01
  Scenario: DNS is well again for the next call
    Given "dns" has fault "dns-servfail"
    When the phone dials the far end
    Then the call is established through "fallback" within 60 s
    When the phone hangs up
    Then the call ends through "fallback"
    When the faults at "dns" end
    And the phone dials the far end
    Then the call is established through "primary" within 60 s

  @YL-04
  Scenario: A phone that does not count it as a failure tries nobody else
    Given a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "dns" has fault "dns-nxdomain"
    When the phone dials the far end
    Then the phone asks DNS for SRV "_sip._udp.example.test"
    And the phone sends no INVITE for 40 s
