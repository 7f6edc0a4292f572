Feature: Subscriptions
  RFC 6665: what the phone wants to be told of, it subscribes to at the server that it works with. Registered
  with both servers at once, it does without on the fallback; registered with one after the other, the
  fallback takes over this, too.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And the far end answers

  @YL-24 @rfc6665-4.1.2
  Scenario: Subscribed where it is registered, and every NOTIFY is answered
    Given a phone with profile "yealink-t5x" and settings
      | subscriptions.packages | [message-summary, dialog] |
    When the phone registers
    Then the phone is registered with "primary" within 2 s
    And the phone sends SUBSCRIBE to "primary" within 10 s
    And the phone answers NOTIFY from "primary" with 200
    And the phone sends no SUBSCRIBE to "secondary" for 60 s

  @rfc6665-4.1.2 @time-scale
  Scenario: A subscription is refreshed before it runs out
    Given a phone with settings
      | subscriptions.packages  | [message-summary] |
      | subscriptions.expires_s | 120               |
    And the phone is registered with "primary"
    When the phone is left alone
    Then the phone sends no SUBSCRIBE to "secondary" for 400 s

  @YL-20
  Scenario Outline: Registered with both, the fallback hears of no <package>
    Given a phone with profile "yealink-t5x" and settings
      | subscriptions.packages | [<package>] |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    And "secondary" has fault "closed"
    Then the phone is registered with "fallback" within 60 s
    When the phone dials the far end
    Then the call is established through "fallback" within 4 s
    And the phone sends no SUBSCRIBE to "fallback" for 60 s

    Examples:
      | package         |
      | message-summary |
      | dialog          |
      | call-info       |
      | line-seize      |

  @YL-20
  Scenario: Registered with both, a fallback that its profile trusts with message waiting
    Given a phone with profile "yealink-t5x" and settings
      | subscriptions.packages                 | [message-summary] |
      | registration.features_on_fallback.mwi  | true              |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    And "secondary" has fault "closed"
    Then the phone sends SUBSCRIBE to "fallback" within 70 s

  @YL-24
  Scenario: Registered one after the other, the fallback takes over the subscriptions
    Given a phone with profile "yealink-t5x" and settings
      | registration.method    | successive                |
      | subscriptions.packages | [message-summary, dialog] |
    And "primary" has fault "closed"
    And "secondary" has fault "closed"
    When the phone registers
    Then the phone is registered with "fallback" within 4 s
    And the phone sends SUBSCRIBE to "fallback" within 14 s
    And the phone answers NOTIFY from "fallback" with 200
    And the phone sends no SUBSCRIBE to "primary" for 20 s

  @YL-24
  Scenario: Back at the primary, the phone is subscribed there
    Given a phone with profile "yealink-t5x" and settings
      | registration.method    | successive                                  |
      | subscriptions.packages | [message-summary]                           |
      | failover.triggers      | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    And "secondary" answers REGISTER with 503
    When the phone registers
    Then the phone sends SUBSCRIBE to "fallback" within 14 s
    When the faults at "primary" end
    Then the phone is registered with "primary" within 140 s
    And the phone sends SUBSCRIBE to "primary" within 150 s

  @rfc6665-4.1.2
  Scenario: A phone that follows a failover subscribes at the secondary at once
    Given a phone with settings
      | subscriptions.packages        | [message-summary] |
      | subscriptions.follow_failover | true              |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 62 s
    And the phone sends SUBSCRIBE to "secondary" within 72 s

  @rfc6665-4.1.2
  Scenario: A notifier that has forgotten the phone is asked anew
    Given a phone with settings
      | subscriptions.packages  | [message-summary] |
      | subscriptions.expires_s | 120               |
    And the phone is registered with "primary"
    When "primary" has fault "restart"
    Then the phone sends SUBSCRIBE to "primary" within 120 s
    And the phone answers NOTIFY from "primary" with 200 within 120 s
