@precedence
Feature: Preemption while servers are lost

  @PA-06
  Scenario: A call is preempted in the middle of a failover
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "polycom-vvx-ucs58" and settings
      | registration.method | concurrent |
    And line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | routine    | active | 20 s |
      | b    | priority   | held   | 10 s |
    When "primary" has fault "silent"
    And a flash call "x" arrives through "secondary"
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched
