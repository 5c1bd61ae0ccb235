//! Who may do what: permissions, policies, actors, namespaces and the checker that decides.
