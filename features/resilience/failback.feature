Feature: The way home, and what does not come along
  The home must be in sight again for ten minutes; then either system takes the phone for five more. What
  was done away from home stays there.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | registration.method           | successive    |
      | failback.mode                 | on_primary_up |
      | registration.fallback_probe_s | 30            |
      | registration.retry.kind       | random_range  |
      | registration.retry.base_s     | 30            |
      | registration.retry.max_s      | 54            |
    And the far end answers
    And registrations last 60 s

  @AR-26 @time-scale
  Scenario: The phone goes home when its system has been in sight for ten minutes
    Given "primary" and "secondary" are a resilience group
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 266 s
    When the faults at "primary" end
    Then "secondary" notes "home back" within 1 s
    And "primary" notes no "phone came home" for 590 s
    And "secondary" notes "failback begins" within 601 s
    And the phone is registered with "primary" within 640 s
    And "primary" notes "phone came home" within 640 s
    And "secondary" notes "gate closed" within 901 s

  @AR-26
  Scenario: Of two phones the idle one goes home first, the other when its call is over
    Given a phone with settings
      | registration.method             | active_only   |
      | failover.triggers               | [timeout]     |
      | registration.keepalive.form     | query         |
      | registration.keepalive.period_s | 30            |
      | registration.fallback_probe_s   | null          |
      | registration.retry.kind         | random_range  |
      | registration.retry.base_s       | 30            |
      | registration.retry.max_s        | 54            |
      | failback.mode                   | on_primary_up |
      | failback.only_when_idle         | true          |
      | call_in_progress.failover       | forbidden     |
    And a second phone
    And "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5   |
      | failback_after_s | 60  |
      | homeless_grace_s | 300 |
    And the phone is registered with "primary"
    And the second phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone is registered with "secondary" within 150 s
    And the second phone is registered with "secondary" within 150 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the faults at "primary" end
    Then the second phone is registered with "primary" within 130 s
    And "secondary" has not noted "gate closed"
    And the phone sends no REGISTER to "primary" for 60 s
    When the phone hangs up
    Then the phone is registered with "primary" within 66 s

  @AR-09
  Scenario: What the user sets away from home is gone at home
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5  |
      | failback_after_s | 60 |
      | homeless_grace_s | 60 |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    When the user takes no calls at "secondary"
    And the far end calls the phone through "secondary"
    Then "secondary" sends 486 to the far end
    When the faults at "primary" end
    Then the phone is registered with "primary" within 130 s
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180

  @AR-10
  Scenario: Calls made away from home are in no history at home
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5  |
      | failback_after_s | 60 |
      | homeless_grace_s | 60 |
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary"
    And "primary" has 1 call in its history
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    And "secondary" has 2 calls in its history
    When the faults at "primary" end
    Then the phone is registered with "primary" within 130 s
    And "primary" has 1 call in its history
    And "secondary" has 1 call in its history

  @AR-20 @AR-21
  Scenario: Who is hot-desked at the phone is logged out with the failover and in with the failback
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5    |
      | failback_after_s | 60   |
      | homeless_grace_s | 60   |
      | hot_desked_user  | 1003 |
    And the phone is registered with "primary"
    When the far end calls user 1003 through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone rejects the call with 486
    Then "primary" sends 486 to the far end
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    And "secondary" notes "hot-desked user logged out" within 66 s
    When the far end calls user 1003 through "secondary"
    Then "secondary" sends 480 to the far end
    When the faults at "primary" end
    Then the phone is registered with "primary" within 130 s
    And "primary" notes "hot-desked user logged in" within 131 s
    When the far end calls user 1003 through "primary"
    Then the phone answers INVITE from "primary" with 180
