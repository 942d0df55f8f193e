//! Proofs about the rules of roles.

use proptest::prelude::*;

use super::*;

fn rule(outcome: Result<u32>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(Error::Forbidden(_)) => "forbidden",
        Err(Error::Conflict { rule, .. }) => rule,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_rule_at_its_edge() {
    use Role::{Admin, Member, Operator, Owner, Viewer};
    let seat = |role| Seat { role, is_founder: false };
    let founder = Seat { role: Some(Owner), is_founder: true };
    for (seat, role, by, owners, outcome) in [
        (seat(None), Some(Admin), Admin, 1, "done"),
        (seat(None), Some(Owner), Admin, 1, "forbidden"),
        (seat(None), Some(Owner), Owner, 1, "done"),
        (seat(Some(Viewer)), Some(Owner), Operator, 1, "done"),
        (seat(Some(Admin)), None, Admin, 1, "done"),
        (seat(Some(Owner)), Some(Member), Admin, 2, "forbidden"),
        (seat(Some(Owner)), None, Admin, 2, "forbidden"),
        (seat(Some(Owner)), Some(Member), Owner, 2, "done"),
        (seat(Some(Owner)), Some(Member), Owner, 1, "last_owner"),
        (seat(Some(Owner)), None, Operator, 1, "last_owner"),
        (founder, None, Owner, 2, "founder"),
        (founder, Some(Admin), Operator, 2, "founder"),
        (founder, None, Admin, 2, "forbidden"),
    ] {
        assert_eq!(rule(seat.give(role, by, owners)), outcome, "{seat:?} to {role:?} by {by}");
    }
}

#[test]
fn a_tenant_gives_its_own_roles_only() {
    for role in Role::ALL {
        let read = role.name().parse::<GrantableRole>().ok().map(GrantableRole::get);
        assert_eq!(read, (role != Role::Operator).then_some(role));
    }
}

fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(Role::ALL.to_vec())
}

fn given() -> impl Strategy<Value = Option<Role>> {
    proptest::option::of(proptest::sample::select(Role::ALL[..4].to_vec()))
}

proptest! {
    /// Whatever people try in whatever order, the number is that of the owners, never zero, and the founder stays.
    #[test]
    fn owners_are_counted_and_never_run_out(tries in proptest::collection::vec((0..4_usize, given(), role()), 0..40)) {
        let mut seats = [Seat::default(); 4];
        seats[0] = Seat { role: Some(Role::Owner), is_founder: true };
        let mut owners = 1;
        for (who, role, by) in tries {
            let before = seats[who];
            if let Ok(counted) = seats[who].give(role, by, owners) {
                owners = counted;
                seats[who].role = role;
            }
            let is_touched = before != seats[who];
            let is_about_owners = before.role == Some(Role::Owner) || seats[who].role == Some(Role::Owner);
            prop_assert!(!is_touched || !is_about_owners || by >= Role::Owner);
            let counted = seats.iter().filter(|seat| seat.role == Some(Role::Owner)).count();
            prop_assert_eq!(owners as usize, counted);
            prop_assert!(owners > 0);
            prop_assert_eq!(seats[0].role, Some(Role::Owner));
        }
    }
}
