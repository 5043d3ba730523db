package names

// The words that tell of health (GDPR art. 9) and of the other special kinds
// (art. 9 and 10), written for this product. "*x" is found anywhere in a word,
// which is how Swedish, Norwegian, Danish, Finnish and German compounds are
// met; "x*" begins a word; "x" is the word. After "?" a word counts only beside
// a word that makes it personal, or written in capitals as a diagnosis is.
// An underscore joins the words of a phrase.

const healthNordic = `*astma* *allergi* *diabet* *epilep* *cancer* *tumör* *leukemi *demens alzheimer* *parkinson* *autis* *schizofren* *psykos *psykisk* *depress* *bipolär*
	*sjukskriv* *sjukskrev* *sykmeld* *sygemeld* *utmattning* *utbränd* *rullator* *rollator* *permobil* *rullstol* *rullestol* *kørestol* *dialys* *stroke* *hjärtinfarkt* *hjertesvikt* *hjerteinfarkt*
	*insulin* *metadon* *cellgift* *kemoterapi* *mammografi* *celiaki* *cøliaki* *laktosintoleran* *glutenintoleran* *migrän* *migræne* *migrene* *reumati* *fibromyalgi* *psoriasis* *eksem
	*hjärtsvikt *förmaksflimmer* *diskbråck* *prolaps *whiplash* *höftprotes* *knäprotes* *höftled* *hofteprotese* *stomi *syrgas* *astmaspray* *hörapparat* *høreapparat* *hørapparat* *hörselned* *hörselskad* *hörslinga
	*synskad* *synned* *svagsynt* *svaksynt* *rörelsehind* *rörelsenedsät* *funktionsned* *funktionshind* *funksjonshem* *funksjonsned* *handikap* *utvecklingsstör* *cp-skad* *downs syndrom* *ryggmärg*
	*färdtjänst* *sjukresa* *sjukresor* *sjuktransport* *ledsagerbevis *psykolog *psykologen *psykiatri* *psykiater* *psykoterap* *logoped* *kurator *fysioterap* *sjukgymnast* *kiropraktor* *naprapat*
	*barnmorska* *jordmor *jordmoren *mödravård* *förlossning* *fødsel *gravid* *svangerskap* *abort *missfall* *ivf-* *fertilitet* *gynekolog* *gynmottagning* *urolog* *onkolog* *neurolog* *kardiolog* *ortoped* *dermatolog* *geriatri* *palliativ* *hospice
	*hjärtläkare *hudmottagning* *ögonklinik* *ögonmottagning* *hjerteklinik* *rehabiliter* *beroendemottagning* *missbruk* *alkoholis* *narkotikaberoen* *spelberoende* *spillavhengig* *rusinstitusjon* *avgiftning
	*självmord* *suicid* *självskade* *selvmord* *ätstörning* *anorexi* *bulimi* *spiseforstyrrels* *panikångest* *ångest *ångestsyndrom *angst *ptsd* *adhd* *damp-* *asperger* *tourette* *dyslexi*
	*hjärnblödning* *hjärnskak* *hjärntumör* *hjernerystelse* *hjernerystning* *benbrott* *lårbensbrott* *lårbenshals* *korsband* *förlamning* *förlamad* *lammelse *amputer* *transplant* *bypass* *pacemaker* *operation *operationen *operasjon *operasjonen *opererad *opereras *opererat
	*röntgen* *magnetröntgen* *blodprov* *blodprøve* *järndropp* *vaccin* *kräksjuk* *vinterkräk* *magsjuk* *omgangssyke* *influensa* *lunginflammation* *lungebetennelse* *lungebetændelse* *öroninflammation* *vattkopp* *vannkopp* *skoldkopper* *halsfluss* *urinvägsinfektion* *blodförgiftning* *blodpropp* *blodprop
	*blodfortyndende *blodfortynnende *blodförtunnande *blodtryck* *blodtrykk* *blodtryk *kolesterol* *smärtstillande *smertestillende *sömntablett* *sömnapné* *sovemedi* *läkemedel *medicinering *waran *marevan* *eliquis *alvedon *citodon *tramadol *morfin* *concerta *ritalin *sertralin* *ventolin* *epipen* *antibiotik* *kortison* *metformin*
	*hivpositiv *hiv-positiv *hiv-smitt* *hepatit* *borrelia* *tuberkulos* *covid* *herpes* *klamydia *könssjukdom* *syfilis *gonorr*
	*starroperation* *gråstarr *glaukom* *grön_starr *njursvikt* *njursjuk* *nyresvikt *leversjuk* *skrumplever *hjärtsjuk* *hjertesyk* *lungsjuk* *cystisk_fibros *crohns* *ulcerös* *ibs-*
	dövblind* döva döve døv døve blind blinda blinde dov hörselskadad dement dementa lupus *kols sjukpensionär sjukersättning* *sjukfrånvaro* *sykefravær* *sygefravær* trygghetslarm* *hemsjukvård* *långvarigt_sjuk
	*bröstcancer* *prostatacancer* *födelsemärke* *neuropsyk* *kbt-* *hjärt-mr *aortascreening* *lumbago* ryggskott* *nackspärr *benskör* *artros* *artrit* *gikt *ledvärk* *huvudvärk* *hovedpine* *hodepine* *magsår* *gallsten* *njursten* *blindtarm* *blindtarmen *bråck
	*sjukdom *sjukdomen *sykdom *sygdom *diagnos *diagnosen *diagnose *diagnosen *funktionsvariation* *talpedagog* *stamning *tandvårdsrädd* *tannlege* *nødde* *nøtteallergi* stivkramp* stelkramp* *knæalloplastik*
	*forflytningshemme* *korttidsboende* ?bup ?ms ?als ?kol ?tbe ?mr ?ect ?lss ?dps ?cp ?hiv ?aids ?op
	bruten_handled brutit_benet brutet_ben bruten_arm bruten_underarm bruten_fot brutit_armen brutit_foten brutit_handleden gula_fläcken nedsatt_syn nedsatt_hörsel har_fått_barn dålig_syn dårlig_syn dårleg_syn`

const healthEnglish = `*asthma* *allerg* *diabet* *epilep* *cancer* *tumour* *tumor* *leukaemia* *leukemia* *dementia* alzheimer* parkinson* *autis* *schizophren* *psychosis* *depression* *bipolar
	*dialysis* *insulin* *metformin* *wheelchair* *powerchair* *mobility_scooter *stairlift* *walking_frame *hearing_aid *hearing_aids hard_of_hearing deaf blind partially_sighted visually_impaired disabled_people disabled_person disabled_badge *disability* *disabilities
	*pregnan* *miscarriage* *antenatal* *midwife* *maternity* *fertility* *ivf *mastitis* *gestational* *colonoscopy* *mammogram* *x-ray *mri *ct_scan *biopsy *chemotherapy *chemo *radiotherapy *immunosuppress* *oxygen_concentrator *oxygen_cylinder *stretcher
	*eczema* *psoriasis* *arthritis* *migraine* *fibromyalgia* *stroke *heart_attack *heart_condition *heart_failure *high_blood_pressure *pacemaker* *angina *copd *multiple_sclerosis *cystic_fibrosis *crohn's *coeliac* *celiac* *lactose_intoleran*
	*anxiety* *adhd* *ptsd* *suicid* *self-harm* *anorexi* *bulimi* *eating_disorder *mental_health *counselling_session *psychiatr* *psycholog* *physio *physiotherap* *rehab *methadone* *addiction* *alcoholic *hospice* *palliative* *day_hospital knee_surgery heart_surgery eye_surgery hip_surgery had_surgery my_surgery
	*broken_wrist *broken_leg *broken_arm *broken_hip *fractured* *bad_hip *bad_knee *bad_back *stiff_neck *hip_replacement *knee_replacement *concussion* *whiplash *amputat* *transplant* *falls_pendant *vaccination* *vaccine* *epipen* *inhaler* *antibiotic* *antidepress* *warfarin* *prescription_for
	hiv *hepatitis* *tuberculosis* *covid* *sick_leave *signed_off_sick *sick_note *chickenpox* *pneumonia* *type_1_diabetes *type_2_diabetes *learning_disabilit* *down's_syndrome *cerebral_palsy *epileptic* *seizures *blood_pressure`

const healthFinnish = `*astma* *allergi* *diabet* *epilep* *syöpä* *syövä* *syöpää* *kasvain* *leukemia* *muistisair* *alzheimer* *parkinson* *autis* *skitsofren* *masennu* *masentun* *kaksisuuntai* *dialyysi* *insulii* *pyörätuol* *rollaattor* *kuulolait* *kuulovamma* *näkövamma*
	*sokea* *kuuro* *vammais* *liikuntarajoit* *raskaana* *raskaus* *keskenmeno* *neuvola* *synnyty* *kätilö* *hedelmöi* *magneettikuv* *röntgen* *mammograf* *seulonta* *verikoe* *leikkau* *leikatt* *murtu* *murtunut *aivohalvau* *aivoinfarkt* *sydäninfarkt* *sydänvi* *sydänsai* *verenpai* *verenohen* *migreen* *glaukoom* *kaihi* *keuhko* *reuma* *keliakia* *laktoosi-intol*
	*sairauslom* *sairausloma* *sairaalass* *burnout* *uupumu* *ahdistu* *itsemurh* *syömishäir* *adhd* *psykiatri* *psykolog* *psykoterap* *fysioterap* *kuntoutu* *päihde* *alkoholis* *riippuvuu* *saattohoi* *lääkity* *lääkettä *lääkkee* *rokot* *epipen* *antibiootti* hiv *hepatiit* *korona* *vammasta *happirikas* *hammaski* *kotihoi* *omaishoi* *invalidi* *sairaus* *sairaude*`

const healthGerman = `*asthma* *allergi* *diabet* *epilep* *krebs* *tumor* *leukämie* *demenz* *dement alzheimer* parkinson* *autis* *schizophren* *psychose* *depress* *bipolar* *dialyse* *insulin* *rollstuhl* *rollator* *hörgerät* *schwerhörig* *gehörlos* *blind *blinde *sehbehinder* *schwerbehinder* *behinderung* *gehbehinder*
	*schwanger* *fehlgeburt* *entbindung* *hebamme* *geburt_meines *kinderwunsch* *mammograf* *röntgen* *mrt *blutprobe* *operation* *op-* *gebrochen* knochenbruch* armbruch* beinbruch* *schlaganfall* *herzinfarkt* *herzfehler* *herzschwäche* *blutdruck* *blutverdünn* *migräne* *rheuma* *zöliakie* *laktoseintol* *psoriasis* *neurodermit* *gelähmt* *beatmet* *ausgerenkt* *gehirnerschütter* *bandscheib* *schleudertrauma* *hüftoperation* *blinddarm* *mittelohr* *entzündung*
	*krankgeschrieben* *krankschreib* *arbeitsunfähig* *burnout* *angststörung* *suizid* *selbstmord* *essstörung* *adhs* *psychiatr* *psycholog* *psychotherap* *physiotherap* reha reha-* *süchtig* suchtklinik* suchtberat* *alkoholiker* *entzug* *hospiz* *palliativ* *pflegegrad* *pflegestufe* *impfung* *antibiotik* hiv *hepatitis* corona *erkrankung* *krankheit* *chemotherap* *transplant* *herzschrittmacher* *sauerstoff *sauerstoffger*`

const sensitiveNordic = `muslim* jude judar judisk* *judendom jødisk* jøde kristen kristna kristne *pingstvän* *pingstkyrk* *pinsemenig* jehovas_vittne* jehovas_vittnen jehovas_vitne* jehovas_vidne* *moské* *moské *synagog* katolik* *katolsk* *ortodox* *ortodoks* *frikyrk* *missionskyrk* halal* kosher* slöja* hijab* ramadan* *livets_ord *scientolog* mormon* hindu* buddhis* buddist* *församlingen *baptist* *menighet* trossamfund* nattvard*
	homosexuell* homofil* homoseksuel* lesbisk* bisexuell* bifil* *biseksuel* transperson* transkjøn* transkön* *könskorriger* *könsbyt* hbtq* bög bögar gay queer
	centerpartiet* vänsterpartiet* moderaterna* socialdemokrat* sverigedemokrat* miljöpartiet* kristdemokrat* liberalerna* fremskrittsparti* arbeiderpartiet* høyre_sin venstre_sin senterpartiet* dansk_folkeparti enhedslisten* *partimedlem* *fullmäktige_för *kommunfullmäktige_för
	*fackförening* *fackförbund* *fackligt* *facklig facket *skyddsombud* if_metall seko medlem_i_unionen medlem_i_kommunal medlem_i_handels medlem_i_vision medlem_i_byggnads medlem_i_socialdemokraterna medlem_av_3f medlem_af_3f medlem_af_sf fagforening* fagforbundet* *tillitsvalgt* *tillidsmand* *tillidsrepr* *strejkbryt* ?kommunal ?unionen ?handels ?byggnads ?vårdförbundet ?lärarförbundet
	samer samisk* renskötande* *rensköt* romer romsk* *zigenar* kurdisk* syrianer assyrier
	häktad* häktet fängelse* *fengsel* *fængsel* *sitter_inne *sittet_inne *suttit_inne frigiven villkorligt_frigiven *skyddstillsyn* fotboja* kriminalvård* *brottsregister* *belastningsregist* *straffeattest* dömd_för dom_för dømt_for dømt_til misstänkt_för siktad_for sigtet_for tiltalt_for *bidragsbrott* *bokföringsbrott* *skattebrott* *narkotikabrott* *rattfyll* *promillekjøring* *våldtäkt* *misshandlade *amfetamin* *kokain* *hasch* *heroin* säljer_knark`

const sensitiveEnglish = `muslim* jewish christian catholic* protestant* hindu* buddhist* sikh* jehovah's_witness* methodist* baptist* *mosque* *synagogue* halal* kosher* hijab* ramadan*
	gay lesbian* bisexual* transgender* homosexual* queer lgbt* *gender_reassignment
	labour_party conservative_party trade_union *union_member* *union_rep* *shop_steward* member_of_unite member_of_unison voted_labour
	*conviction* convicted* criminal_record* on_probation *probation_officer *in_prison *drug_dealing *on_parole *ex-offender* *refugees roma_gypsy *traveller_community`

const sensitiveFinnish = `muslimi* juutalai* ortodoksi* *helluntai* jehovan_todistaj* *moskeija* *synagoga* halal* kosher* *uskonnolli* *uskonto* katoli* homoseksu* lesbo* biseksu* transsu* *perussuomalais* *sosialidemokr* kokoomuksen vasemmistolii* *ammattiliit* liitossa jhl:n *luottamusmie* *saamelai* *romani *vankila* *rikosrekister* tuomittu *ehdonalai*`

const sensitiveGerman = `muslim* jüdisch* jude katholi* evangelisch* *zeugen_jehovas *moschee* *synagoge* halal* koscher* *kirchengemeinde* *konfession* homosexuell* schwul* lesbisch* bisexuell* transgender* transsex* *gewerkschaft* *betriebsrat* ver.di *ig_metall *marburger_bund mitglied_bei_ver *spd-mitglied *cdu-mitglied *parteimitglied* *vorbestraft* *verurteilt* *haftstrafe* *gefängnis* *bewährung* *justizvollzug* sinti*`
