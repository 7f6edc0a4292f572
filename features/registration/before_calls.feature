Feature: A phone that registers with a server before a call goes there
  Yealink's register_on_enable: the REGISTER comes before any other request at the next server. With
  only_signal_with_registered besides, no other server than the registered one gets a request at all.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And the far end answers

  @YL-02 @YL-15
  Scenario: The call goes on, but the registration first
    Given a phone with profile "yealink-t5x" and settings
      | failover.register_before_invite | true                                        |
      | failover.triggers               | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the phone is registered with "primary"
    And "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends REGISTER to "secondary" within 1 s
    And the phone is registered with "secondary" within 1 s
    And the phone sends INVITE to "primary", then "secondary", and to no other
    And the call is established through "secondary"

  @YL-04 @YL-15
  Scenario: A server that refuses the registration gets no call
    Given a phone with profile "yealink-t5x" and settings
      | failover.register_before_invite | true                                        |
      | failover.triggers               | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the phone is registered with "primary"
    And "primary" answers INVITE with 503
    And "secondary" answers REGISTER with 403
    When the phone dials the far end
    Then the phone sends REGISTER to "secondary" within 1 s
    And the phone sends INVITE to "primary", then "fallback", and to no other
    And the call is established through "fallback"

  @YL-18 @YL-20
  Scenario: Where it is registered already, it asks for nothing more
    Given a phone with profile "yealink-t5x" and settings
      | failover.register_before_invite | true                                        |
      | registration.method             | concurrent                                  |
      | failover.triggers               | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the phone is registered with "primary"
    And "primary" answers INVITE with 503
    And "secondary" has fault "closed"
    When the phone dials the far end
    Then the call is established through "fallback" within 2 s
    And the phone sends no REGISTER to "fallback" for 60 s

  @YL-15
  Scenario: Who is registered with nobody registers before the first call
    Given a phone with profile "yealink-t5x" and settings
      | failover.register_before_invite      | true         |
      | failover.only_signal_with_registered | true         |
      | failback.mode                        | registration |
    When the phone dials the far end
    Then the phone sends REGISTER to "primary" within 1 s
    And the phone is registered with "primary" within 1 s
    And the call is established through "primary" within 2 s

  @YL-15 @YL-16
  Scenario: A call whose server is no longer the registered one ends without BYE
    Given a phone with profile "yealink-t5x" and settings
      | failover.register_before_invite      | true                                        |
      | failover.only_signal_with_registered | true                                        |
      | failback.mode                        | registration                                |
      | call_in_progress.failover            | allowed                                     |
      | failover.triggers                    | [503, timeout, icmp, tcp_connect, tcp_send] |
      | mcp.supported                        | false                                       |
    And registrations last 60 s
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 70 s
    When the faults at "primary" end
    Then the phone sends no BYE for 5 s
    When the phone hangs up
    Then the phone sends no BYE for 10 s
