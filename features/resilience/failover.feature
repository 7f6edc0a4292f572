Feature: A phone whose system is gone becomes a guest of another one
  Two systems see each other. While all is well, the second refuses the phones of the first. When the
  first has been out of sight for long enough, it takes them. If it restarts then, it knows nobody any more.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | registration.method       | successive   |
      | failback.mode             | new_requests |
      | registration.retry.kind   | random_range |
      | registration.retry.base_s | 30           |
      | registration.retry.max_s  | 54           |
    And the far end answers
    And registrations last 60 s

  @AR-01 @AR-02 @AR-05 @time-scale
  Scenario: The alternate opens three minutes after the home was lost
    Given "primary" and "secondary" are a resilience group
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone sends REGISTER to "primary", then "secondary"
    And "secondary" sends 403 to the phone
    And "secondary" notes no "gate opened" for 110 s
    And "secondary" notes "gate opened" within 181 s
    And the phone is registered with "secondary" within 266 s
    And "secondary" notes "user resilience begins" within 266 s
    And "secondary" notes "hunt group resilience begins" within 266 s
    And "secondary" notes "voicemail resilience begins" within 266 s

  @AR-04 @time-scale
  Scenario Outline: As long as the home is in sight, the alternate does not take its phones (<response>)
    Given "primary" and "secondary" are a resilience group with settings
      | block_response | <response> |
      | retry_after_s  | 20         |
    And the phone is registered with "primary"
    When "primary" has fault "loss"
    Then the phone sends REGISTER to "primary", then "secondary"
    And "secondary" sends <code> to the phone
    And "secondary" notes no "gate opened" for 400 s
    And "secondary" has not noted "guest registered"

    Examples:
      | response | code |
      | 403      | 403  |
      | 503      | 503  |

  @AR-03 @time-scale
  Scenario Outline: A phone that is refused goes on asking (<response>)
    Given "primary" and "secondary" are a resilience group with settings
      | block_response   | <response> |
      | failover_delay_s | 7200       |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone sends REGISTER to "primary", then "secondary", in 10 rounds

    Examples:
      | response |
      | 403      |
      | 503      |
      | silent   |

  @AR-06 @AR-07 @time-scale
  Scenario: Softphones alone do not open the alternate
    Given "primary" and "secondary" are a resilience group with settings
      | phone_kind | softphone |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone sends REGISTER to "primary", then "secondary"
    And "secondary" notes "home lost" within 1 s
    And "secondary" notes no "gate opened" for 600 s
    And "secondary" has not noted "guest registered"

  @AR-06 @AR-08
  Scenario: It opens when a physical phone asks, and not before
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5 |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then "secondary" has not noted "gate opened"
    And "secondary" has not noted "user resilience begins"
    And the phone sends REGISTER to "primary", then "secondary"
    And "secondary" notes "gate opened" within 66 s
    And the phone is registered with "secondary" within 66 s
    And "secondary" notes "guest registered" within 66 s
    And "secondary" notes "user resilience begins" within 66 s

  @AR-17 @AR-18 @AR-19
  Scenario: A guest calls and is called, and takes no licence
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5 |
      | licences         | 1 |
      | alternate_phones | 1 |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    And "secondary" notes "guest registered" within 66 s
    And "secondary" uses 1 licence
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    When the far end calls the phone through "secondary"
    And the phone answers
    Then the call is established through "secondary"

  @AR-18
  Scenario: A phone at its own home needs a licence
    Given "primary" and "secondary" are a resilience group with settings
      | licences | 0 |
    When the phone registers
    Then "primary" sends 403 to the phone
    And "primary" uses 0 licences

  @AR-08
  Scenario: With the first guest its hunt group and its voicemail are served where the guest is
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5   |
      | hunt_group       | 300 |
    And the far end is a voicemail box
    And the phone is registered with "primary"
    When the far end calls hunt group 300 through "secondary"
    Then "secondary" sends 404 to the far end
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    And "secondary" notes "hunt group resilience begins" within 66 s
    And "secondary" notes "voicemail resilience begins" within 66 s
    When the far end calls hunt group 300 through "secondary"
    Then the phone answers INVITE from "secondary" with 180
    When the phone rejects the call with 486
    Then "secondary" sends 486 to the far end
    When the phone dials the far end
    Then the call is established through "secondary"

  @AR-16
  Scenario Outline: A phone that cannot reach the alternate goes on trying both (<fault>)
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5 |
    And "secondary" has fault "<fault>"
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone sends REGISTER to "primary", then "secondary", in 3 rounds
    And "secondary" has not noted "guest registered"

    Examples:
      | fault                |
      | loss                 |
      | drop method=REGISTER |

  @AR-22
  Scenario: A system without such extensions hosts nobody
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s     | 5   |
      | alternate_extensions | off |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone sends REGISTER to "primary", then "secondary", in 3 rounds
    And "secondary" sends 403 to the phone
    And "secondary" has not noted "guest registered"

  @AR-24
  Scenario: The phone names the same domain to both systems
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5 |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone names the same user and domain to "primary" and "secondary"
    And the phone is registered with "secondary" within 66 s

  @AR-24
  Scenario: A system of another domain hosts nobody, and the phone keeps its own
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5             |
      | alternate_domain | other.example |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone names the same user and domain to "primary" and "secondary"
    And "secondary" sends 404 to the phone
    And the phone sends REGISTER to "primary", then "secondary", in 3 rounds
    And "secondary" has not noted "guest registered"

  @AR-13 @AR-14 @AR-15 @time-scale
  Scenario: An alternate that restarts has lost its guests until their home is back
    Given "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5  |
      | failback_after_s | 60 |
      | homeless_grace_s | 60 |
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    When "secondary" has fault "restart"
    Then "secondary" notes "replica lost" within 1 s
    And the phone sends REGISTER to "secondary" within 66 s
    And "secondary" sends 404 to the phone
    And "secondary" notes no "guest registered" for 60 s
    When the faults at "primary" end
    Then "secondary" notes "replica received" within 1 s
    And the phone is registered with "primary" within 66 s
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 66 s
    And "secondary" notes "guest registered" within 66 s
