Feature: Conferences outlive their server
  Whoever mixes, each leg is preserved: the focus of the conference, or the phone for two others.

  @AM-22 @AM-14
  Scenario: A conference that the phone mixes is preserved, with the audio of all its legs
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "avaya-j100-ipo"
    And registrations last 60 s
    And line 1 has 2 call appearances
    And line 1 has the calls
      | call | precedence | state      | age  |
      | a    | none       | conference | 20 s |
      | b    | none       | conference | 10 s |
    When "primary" has fault "kill"
    Then audio of call "a" keeps flowing both ways for 60 s
    And audio of call "b" keeps flowing both ways for 60 s
    And the phone sends no BYE for 5 s

  @AM-22 @AM-14
  Scenario: A conference whose focus is in the farm is preserved
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "avaya-j100-ipo"
    And registrations last 60 s
    And the far end is a conference
    And the phone is registered with "primary"
    When the phone dials the far end as call "a"
    Then the call is established
    When "primary" has fault "kill"
    Then audio of call "a" keeps flowing both ways for 60 s
    And the phone sends no BYE for 5 s
